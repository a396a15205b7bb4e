"""Evaluation: arrays in, numbers with intervals out.

The package needs numpy, scipy, scikit-learn, matplotlib for figures and Jinja2 for the page; it has no notion of images,
networks or torch, so it can be used on predictions of any software. Import the module that holds the concept:

=====================  =========================================================================================
module                 what it holds
=====================  =========================================================================================
``estimate``           the results: `Interval`, `Estimate`, `Comparison`
``metrics``            sensitivity to kappa for calls, AUC and average precision for scores
``stages``             five-stage results: cut-offs (>=F2, ...), weighted kappa, macro and micro AUC
``obuchowski``         the Obuchowski index for ordinal reference standards
``delong``             AUC, its variance, and DeLong's tests in O(n log n)
``intervals``          Clopper-Pearson, Wilson, score and square-and-add intervals
``bootstrap``          stratified resampling of patients
``thresholds``         Youden, nearest corner, fixed, target sensitivity; cross-fitted by default
``curves``             ROC and precision-recall curves with bands
``comparisons``        McNemar, paired bootstrap, Holm and false discovery rate
``correlations``       Pearson, Spearman, Meng, Steiger
``paper_tests``        the papers' own tests, each with its limits
``calibration``        reliability, Brier score, slope and intercept
``recalibration``      temperature scaling, and intercept with slope
``conformal``          prediction sets with guaranteed coverage (LAC, APS, class-conditional)
``held_out``           fit and test sets that never share a patient
``decision``           decision curves
``agreement``          Bland-Altman and intraclass correlation
``patients``           several images per patient: aggregation, clustered intervals
``subgroups``          results by subgroup, with counts
``figures``            figures for a paper (PNG, SVG, PDF)
``report``             the report folder: HTML, JSON, CSV, figures, checklist, model card
``command``            ``liverai evaluate``
=====================  =========================================================================================

This module imports nothing.
"""
