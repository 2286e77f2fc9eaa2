from pathlib import Path

import numpy as np
import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3_graph import Term, parse_descriptor, parse_graph

PATH = Path("final.mdl")


def test_appended_and_shifted_nodes():
    found = parse_descriptor("Append(Offset(input, -1), input, ReplaceIndex(ivector, t, 0))")
    assert found == (
        (Term("input", steps=(("offset", -1),)),),
        (Term("input"),),
        (Term("ivector", steps=(("replace", 0),)),),
    )


def test_scaled_sums_and_constants():
    found = parse_descriptor("Sum(Scale(0.66, a.noop), Scale(-1, Scale(2, b)), Const(1.0, 8))")
    assert found == ((Term("a.noop", 0.66), Term("b", -2.0), Term(None, 1.0, dim=8)),)


def test_functions_of_appended_nodes_hold_for_each_part():
    one = parse_descriptor("Offset(Append(a, Sum(b, IfDefined(Offset(c, 2)))), 3)")
    step = (("offset", 3),)
    assert one == (
        (Term("a", steps=step),),
        (Term("b", steps=step), Term("c", steps=(*step, ("offset", 2)), optional=True)),
    )
    assert parse_descriptor("Append(Append(a, b), c)") == parse_descriptor("Append(a, b, c)")


def test_times_go_from_the_outer_function_to_the_inner():
    ((term,),) = parse_descriptor("Offset(Round(a, 3), 1)")
    assert term.times(np.arange(-2, 5)).tolist() == [-3, 0, 0, 0, 3, 3, 3]
    ((term,),) = parse_descriptor("Round(Offset(a, 1), 3)")
    assert term.times(np.arange(-2, 5)).tolist() == [-2, -2, 1, 1, 1, 4, 4]
    ((term,),) = parse_descriptor("ReplaceIndex(a, t, 7)")
    assert term.times(np.arange(3)).tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Switch(a, b)", r"Switch\(\) is not run"),
        ("Failover(a, b)", r"Failover\(\) is not run"),
        ("ReplaceIndex(a, x, 0)", "ReplaceIndex of x"),
        ("Offset(a, -1, 2)", "Offset with arguments that it does not take"),
        ("Offset(a)", "Offset with arguments"),
        ("Round(a, 0)", "Round to 0"),
        ("IfDefined(Sum(a, b))", "IfDefined of a Sum"),
        ("Sum(Append(a, b), c)", "different numbers of parts"),
        ("Append(a, b", "ends in the middle"),
        ("Append(a b)", r"',' or '\)' is expected where 'b' stands"),
        ("a, b", "',? b' is left over"),
        ("Append(, a)", "a node or a function is expected"),
        ("", "ends in the middle"),
    ],
)
def test_descriptors_that_are_refused(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        parse_descriptor(text)


def test_nodes_come_after_what_they_read():
    lines = [
        "output-node name=output input=b objective=linear",
        "component-node name=b component=c2 input=Append(a, part)",
        "dim-range-node name=part input-node=input dim-offset=2 dim=3",
        "component-node name=a component=c1 input=Offset(input, -3)",
        "input-node name=input dim=5",
    ]
    nodes = parse_graph(PATH, lines)
    names = list(nodes)
    assert names[0] == "input"
    assert names[-2:] == ["b", "output"]
    assert nodes["part"].columns == (2, 5)
    assert nodes["b"].component == "c2"
    assert nodes["input"].dim == 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "component-node name=a component=c input=Offset(b, -1)",
            "node (a|b): it depends on itself",
        ),
        ("component-node name=a component=c input=d", "node a: there is no node d"),
        ("component-node name=a component=c input=Switch(b, b)", r"node a: input Switch\(b, b\)"),
        ("component-node name=input component=c input=b", "node input: there are two"),
        ("component-node name=a component=c", "a line that is not known: component-node"),
        ("gate-node name=a", "a line that is not known: gate-node"),
        ("input-node name=a dim=x", "node a: a dimension that is no number"),
    ],
)
def test_graphs_that_are_refused(line: str, message: str):
    lines = ["input-node name=input dim=5", line, "component-node name=b component=c input=a"]
    if line.startswith("component-node name=input"):
        lines.append("component-node name=a component=c input=b")
    with pytest.raises(InputError, match=rf"final\.mdl: .*{message}"):
        parse_graph(PATH, lines)
