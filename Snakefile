# `snakemake --cores N` from the root makes the report of the configured run.
include: "workflow/Snakefile"


rule all:
    default_target: True
    input:
        TARGETS,
