# Joulescape: one question (spaces/*.yaml) -> one report (results/<question>/report.html).
#
#   snakemake --cores N                                      every question
#   snakemake --cores N results/which_machine/report.html    one question
#
# Reference weights -> search -> confirm -> report; each step leaves files that one can open (results/README.md).


include: "rules/common.smk"
include: "rules/train.smk"
include: "rules/search.smk"
include: "rules/confirm.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        expand("results/{space}/report.html", space=SPACES),
        expand("results/{space}/study.log", space=SPACES),
        "results/index.html",
