"""The TDNN-F acoustic model: tree, phone LM, graphs, LF-MMI, training, export."""
