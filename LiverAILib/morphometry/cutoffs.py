"""Published cut-offs, each with its source, population and accuracy. One whose source could not be checked is not here.

Left out on purpose: liver volume (AUC .506 for advanced fibrosis, Pickhardt 2017, Eur Radiol 27:3060, which gives areas under the
curve and no cut-off of the spleen in what could be read), the ratio of spleen to liver volume (Son 2020, Eur Radiol 30:3486,
likewise), and liver surface nodularity (the thresholds belong to the software that made them, and a meta-analysis, Eur Radiol
2022;32:3377, found that they differ between studies and explain part of the differences in accuracy).
"""

from __future__ import annotations

from dataclasses import replace

from LiverAILib.data.measurement import Condition, Cutoff

WEBB = "Webb M et al., AJR 2009;192:909-914"
WEBB_POPULATION = "111 patients with chronic liver disease, biopsy, one center and its scanner"
HEPATORENAL_INDEX = (
    Cutoff(">=", 1.49, "steatosis above 5 % likely", WEBB, WEBB_POPULATION, "sensitivity 100 %, specificity 91 %"),
    Cutoff(">=", 1.86, "steatosis of 25 % or more likely", WEBB, WEBB_POPULATION, "sensitivity 90 %, specificity 90 %"),
    Cutoff(">=", 2.23, "steatosis of 60 % or more likely", WEBB, WEBB_POPULATION, "sensitivity 90 %, specificity 93 %"),
)

WAI = "Wai CT et al., Hepatology 2003;38:518-526"
WAI_POPULATION = "270 untreated patients with chronic hepatitis C (training 192, validation 78), biopsy, Ishak stages"
STERLING = "Sterling RK et al., Hepatology 2006;43:1317-1325"
STERLING_POPULATION = "832 patients with HIV and hepatitis C virus (training 555, validation 277), biopsy, Ishak stages"

APRI = (
    Cutoff(
        ">",
        1.5,
        "significant fibrosis (Ishak 3 or more) likely",
        WAI,
        WAI_POPULATION,
        "AUC .80 training, .88 validation",
    ),
    Cutoff(
        "<=",
        0.5,
        "significant fibrosis (Ishak 3 or more) unlikely",
        WAI,
        WAI_POPULATION,
        "AUC .80 training, .88 validation",
    ),
    Cutoff(">", 2.0, "cirrhosis (Ishak 5 or 6) likely", WAI, WAI_POPULATION, "AUC .89 training, .94 validation"),
    Cutoff("<=", 1.0, "cirrhosis (Ishak 5 or 6) unlikely", WAI, WAI_POPULATION, "AUC .89 training, .94 validation"),
)

FIB4 = (
    Cutoff(
        "<",
        1.45,
        "advanced fibrosis (Ishak 4 to 6) unlikely",
        STERLING,
        STERLING_POPULATION,
        "validation set: sensitivity 70 %, negative predictive value 90 %; AUC .765",
    ),
    Cutoff(
        ">",
        3.25,
        "advanced fibrosis (Ishak 4 to 6) likely",
        STERLING,
        STERLING_POPULATION,
        "validation set: specificity 97 %, positive predictive value 65 %; AUC .765",
    ),
)

FIB4_FROM_65 = Cutoff(
    ">=",
    2.0,
    "advanced fibrosis (F3 or F4) not excluded at 65 years or older",
    "McPherson S et al., Am J Gastroenterol 2017;112:740-751",
    "634 patients with non-alcoholic fatty liver disease, 76 of them 65 years or older, biopsy",
    "at 65 years or older: sensitivity 77 %, specificity 70 %",
)

SPLEEN_VOLUME = Cutoff(
    ">",
    314.5,
    "larger than each of 140 normal spleens (mean 214.6 mL, range 107.2 to 314.5)",
    "Prassopoulos P et al., Eur Radiol 1997;7:246-248",
    "140 adults with CT for reasons unrelated to the spleen",
    "a range of normal volumes; says nothing of the cause",
)

CAUDATE_WIDTH_RATIO = Cutoff(
    ">=",
    0.65,
    "cirrhosis likely",
    "Harbin WP et al., Radiology 1980;135:273-283",
    "25 cirrhotic, 25 normal and 15 otherwise diseased livers, ultrasound or CT",
    "sensitivity 84 %, specificity 100 %, accuracy 94 %; not confirmed in 108 patients and 204 controls: AUC .567 "
    "(Furusato Hunt OM et al., J Comput Assist Tomogr 2016, doi 10.1097/RCT.0000000000000389)",
)

UNENHANCED_LIVER = Cutoff(
    "<",
    48.0,
    "moderate to severe steatosis (30 % or more) likely",
    "Pickhardt PJ et al., Eur Radiol 2012;22:1075-1082",
    "315 asymptomatic adults, 39 with steatosis of 30 % or more, same-day biopsy",
    "specificity 100 % (276/276), sensitivity 53.8 %",
)

LIMANOND = "Limanond P et al., Radiology 2004;230:276-280"
LIMANOND_POPULATION = "42 candidates for living liver donation, biopsy within 4 weeks"
LIVER_MINUS_SPLEEN = (
    Cutoff(
        "<",
        -10.0,
        "macrovesicular steatosis above 30 % likely",
        LIMANOND,
        LIMANOND_POPULATION,
        "right in 4 of 4 livers below -10 HU",
    ),
    Cutoff(
        ">",
        5.0,
        "macrovesicular steatosis of at most 5 % likely",
        LIMANOND,
        LIMANOND_POPULATION,
        "right in 25 of 27 livers above 5 HU",
    ),
)


def under(cutoff: Cutoff, *conditions: Condition) -> Cutoff:
    """The cut-off with what has to hold for this case."""
    return replace(cutoff, conditions=conditions)
