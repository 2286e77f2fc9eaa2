# So that `snakemake --cores N` works from the root.
include: "workflow/Snakefile"
