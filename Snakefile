# Joulescape: one question (spaces/*.yaml) -> one report (results/<question>/report.html).
#
#   snakemake --cores N                                      every question
#   snakemake --cores N results/which_machine/report.html    one question
#   snakemake --cores N results/gap_study/report.html        one study, with the questions that it puts together
#
# Reference weights -> search -> confirm -> report; each step leaves files that one can open (results/README.md). A study
# (spaces/*.yaml with the key `study`) is worked out after its questions.


include: "rules/common.smk"
include: "rules/train.smk"
include: "rules/search.smk"
include: "rules/confirm.smk"
include: "rules/report.smk"
include: "rules/gap.smk"


rule all:
    default_target: True
    input:
        expand("results/{space}/report.html", space=SPACES),
        expand("results/{space}/study.log", space=SPACES),
        expand("results/{study}/report.html", study=STUDIES),
        "results/index.html",
