"""The predictions CSV: what is read, and every fault by row and column."""

import hashlib

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.predictions import read_predictions

HEADER = ["case_id", "patient_id", "label", "score"]
GOOD = [("a", "p1", 1, 0.9), ("b", "p2", 0, 0.2), ("c", "p3", 1, 0.6)]


def test_the_least_file(write):
    path = write(HEADER, GOOD)
    found = read_predictions(path, method_name="net")
    assert (found.task, found.n, found.n_patients) == ("binary", 3, 3)
    assert found.truth.tolist() == [True, False, True]
    assert found.scores["net"].tolist() == [0.9, 0.2, 0.6]
    assert found.classes == ("0", "1")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.folds is None


def test_methods_readers_folds_and_subgroups(nowak_csv):
    found = read_predictions(nowak_csv, positive="cirrhosis", method_name="segmented", subgroups=("field",))
    assert list(found.scores) == ["segmented", "full image"]
    assert list(found.readers) == ["board", "resident"]
    assert found.readers["board"].dtype == bool
    assert set(found.subgroups["field"]) == {"1.5 T", "3 T"}
    assert found.classes == ("control", "cirrhosis")
    assert found.notes == ()


def test_stages_from_class_columns(yin_csv):
    found = read_predictions(yin_csv)
    assert (found.task, found.stages) == ("stages", (0, 1, 2, 3, 4))
    assert found.probabilities.shape == (80, 5)
    assert list(found.scores) == ["method", "LSM"]
    assert list(found.readers) == ["reader"]
    assert sorted(set(found.folds.tolist())) == list("01234")
    assert found.truth.tolist().count(4) == 23


def test_class_columns_of_two_classes(write):
    header = ["case_id", "patient_id", "label", "score:control", "score:cirrhosis"]
    path = write(header, [("a", "p", "control", 0.8, 0.2), ("b", "q", "cirrhosis", 0.1, 0.9)])
    found = read_predictions(path, positive="cirrhosis")
    assert found.scores["method"].tolist() == [0.2, 0.9]
    assert list(found.scores) == ["method"]


def test_values_are_recognized_and_two_stages_stay_stages(byra_csv, write):
    assert read_predictions(byra_csv).task == "values"
    header = ["case_id", "patient_id", "label", *(f"score:F{s}" for s in range(5))]
    path = write(header, [("a", "p", "F0", 1, 0, 0, 0, 0), ("b", "q", "F4", 0, 0, 0, 0.5, 0.5)])
    assert read_predictions(path).task == "stages"


def test_one_class_against_the_rest(write):
    path = write(HEADER, [("a", "p", "F4", 0.9), ("b", "q", "F0", 0.2), ("c", "r", "F2", 0.3)])
    found = read_predictions(path, positive="F4")
    assert found.truth.tolist() == [True, False, False]
    assert found.classes == ("not F4", "F4")


def test_unused_columns_are_named(write):
    path = write([*HEADER, "comment"], [(*row, "x") for row in GOOD])
    assert read_predictions(path).notes == ("Columns not used: comment.",)


def test_byte_order_mark_blank_lines_and_quoted_line_breaks(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('\ufeffcase_id,patient_id,label,score\n\n"a\nb",p1,1,.9\nc,p2,0,oops\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"row 5, column 'score': 'oops'"):
        read_predictions(path)


@pytest.mark.parametrize(
    ("header", "rows", "text"),
    [
        (HEADER, [*GOOD, ("d", "p4", 0, "")], r"row 5, column 'score': is empty.*report it as a failure"),
        (
            HEADER,
            [("a", "p1", 1, "0,9"), GOOD[1]],
            r"row 2, column 'score': '0,9' is not a finite number.*decimal point",
        ),
        (HEADER, [("a", "p1", 1, "inf"), GOOD[1]], r"row 2, column 'score': 'inf' is not a finite number"),
        (HEADER, [("a", "p1", 1, "nan"), GOOD[1]], r"row 2, column 'score': is empty"),
        (HEADER, [*GOOD, ("a", "p4", 0, 0.1)], r"row 5, column 'case_id': 'a' is already in row 2"),
        (HEADER, [*GOOD, ("", "p4", 0, 0.1)], r"row 5, column 'case_id': is empty"),
        (HEADER, [*GOOD, ("d", " ", 0, 0.1)], r"row 5, column 'patient_id': is empty"),
        (HEADER, [*GOOD, ("d", "p4", "NA", 0.1)], r"row 5, column 'label': is empty; remove cases without"),
        (HEADER, [*GOOD, ("d", "p4", 0)], r"row 5: has 3 cells for 4 columns"),
        (["case_id", "patient_id", "score"], [("a", "p", 1)], r"row 1: column 'label' is missing"),
        ([*HEADER, "score"], [("a", "p", 1, 0, 0)], r"row 1: column 'score' is a duplicate"),
        (["case_id;patient_id;label;score"], [("a;p;1;.5",)], r"row 1: columns are not separated by commas"),
        (HEADER, [], r"no rows below the header"),
        (["case_id", "patient_id", "label"], [("a", "p", 1), ("b", "q", 0)], r"'score' or 'score:1' is missing"),
        (HEADER, [("a", "p", "yes", 1), ("b", "q", "no", 0)], r"labels are no and yes.*--positive"),
        (HEADER, [("a", "p", x, 1) for x in "xyz"], r"'b'|row 3, column 'case_id'"),
        (
            [*HEADER, "fold"],
            [("a", "p", 1, 1, 0), ("b", "p", 1, 1, 1)],
            r"row 3, column 'fold': patient 'p' is in fold 1",
        ),
        ([*HEADER, "fold"], [("a", "p", 1, 1, ""), ("b", "q", 0, 1, 1)], r"row 2, column 'fold': is empty"),
        (
            [*HEADER, "score:method"],
            [("a", "p", 1, 1, 0.5), ("b", "q", 0, 1, 0.2)],
            r"'score:method' has the name of the method",
        ),
        ([*HEADER, "score:A"], [("a", "p", 1, 1, 0.5), ("b", "q", 0, 1, "?")], r"row 3, column 'score:A': '\?'"),
    ],
)
def test_faults_name_row_column_and_fix(write, header, rows, text):
    with pytest.raises(UserError, match=text) as caught:
        read_predictions(write(header, rows))
    assert str(caught.value).startswith("predictions.csv: ")
    assert "\n" not in str(caught.value)


def test_odd_labels_and_more_faults_are_counted(write):
    rows = [(f"c{i}", f"p{i}", label, 0.5) for i, label in enumerate(["F0", "F1", "F2", "severe"])]
    with pytest.raises(UserError, match=r"row 5, column 'label': 'severe' is one of 4 labels"):
        read_predictions(write(HEADER, rows))
    with pytest.raises(UserError, match=r"row 2, column 'score'.*and 2 more faults"):
        read_predictions(write(HEADER, [(f"c{i}", f"p{i}", i % 2, "x") for i in range(3)]))


def test_probabilities_of_stages_add_up(write):
    header = ["case_id", "patient_id", "label", *(f"score:{s}" for s in range(5))]
    rows = [("a", "p", 0, 1, 0, 0, 0, 0), ("b", "q", 3, 0.1, 0.1, 0.1, 0.1, 0.1), ("c", "r", 2, 0, 0, 1, 0, 0)]
    with pytest.raises(UserError, match=r"row 3, column 'score:<class>': probabilities of the stages add up to 0.5000"):
        read_predictions(write(header, rows))
    lacking = write(
        ["case_id", "patient_id", "label", "score:0", "score:1"], [("a", "p", 0, 1, 0), ("b", "q", 3, 0, 1)]
    )
    with pytest.raises(UserError, match=r"no column 'score' and no 'score:3'"):
        read_predictions(lacking, task="stages")


def test_missing_file_folder_and_encoding(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_predictions(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("case_id,Müller".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        read_predictions(tmp_path / "latin.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="is empty; the first row names the columns"):
        read_predictions(tmp_path / "empty.csv")


def test_unknown_subgroup_and_task(write):
    path = write(HEADER, GOOD)
    with pytest.raises(UserError, match="no column 'scanner' to report by"):
        read_predictions(path, subgroups=("scanner",))
    with pytest.raises(UserError, match="task 'regression' is unknown"):
        read_predictions(path, task="regression")
    with pytest.raises(UserError, match=r"row 2, column 'label': 'x' is not a stage"):
        read_predictions(write(HEADER, [("a", "p", "x", 1)]), task="stages")
    with pytest.raises(UserError, match=r"row 2, column 'label': 'x' is not a number"):
        read_predictions(write(HEADER, [("a", "p", "x", 1)]), task="values")


def test_images_become_patients(images_csv):
    rows = read_predictions(images_csv)
    found = rows.per_patient("mean")
    assert (found.n, found.images, found.aggregate) == (30, 120, "mean")
    own = rows.patient_ids == "p7"
    assert found.scores["method"][7] == pytest.approx(rows.scores["method"][own].mean())
    assert found.truth[7]


def test_patients_keep_their_probabilities_readers_and_groups(write):
    header = ["case_id", "patient_id", "label", *(f"score:{s}" for s in range(5)), "score:reader", "site"]
    rows = [
        ("a1", "a", 2, 0, 0, 1, 0, 0, 2, "x"),
        ("a2", "a", 2, 0, 0.5, 0.5, 0, 0, 2, "y"),
        ("b1", "b", 0, 1, 0, 0, 0, 0, 1, "x"),
    ]
    found = read_predictions(write(header, rows), subgroups=("site",)).per_patient("max")
    np.testing.assert_allclose(found.probabilities[0], [0, 1 / 3, 2 / 3, 0, 0])
    assert found.readers["reader"].tolist() == [2, 1]
    assert found.subgroups["site"].tolist() == ["(mixed)", "x"]
    rows[1] = (*rows[1][:8], 3, "y")
    with pytest.raises(UserError, match="'score:reader': the calls differ between images of patient 'a'"):
        read_predictions(write(header, rows)).per_patient("mean")


def binary_models(write, *, patients=("p1", "p2", "p3", "p4")):
    """Two methods with the scores of three binary models beside probabilities of S0-S1, S2, S3 and S4."""
    names = ("S0-S1", "S2", "S3", "S4", ">=S2", ">=S3", ">=S4")
    header = ["case_id", "patient_id", "label", *(f"score:{n}" for n in names), *(f"score:GM:{n}" for n in names)]
    scores = [(0.1, 0.3, 0.05), (0.4, 0.3, 0.2), (0.9, 0.6, 0.3), (0.95, 0.9, 0.7)]
    rows = []
    for number, (patient, label, own) in enumerate(zip(patients, ("S0", "S1", "S3", "S4"), scores, strict=True)):
        table = [0.1, 0.2, 0.3, 0.4]
        rows.append((f"c{number}", patient, label, *table, *own, *table, *(1 - one for one in own)))
    return write(header, rows)


def test_a_range_of_stages_is_one_class(write):
    found = read_predictions(binary_models(write))
    assert found.task == "stages"
    assert found.stages == (0, 2, 3, 4)
    assert found.stage_names == ("S0-S1", "S2", "S3", "S4")
    assert found.truth.tolist() == [0, 0, 3, 4]
    assert found.probabilities.shape == (4, 4)
    assert list(found.scores) == ["method", "GM"]


def test_binary_models_are_judged_by_their_own_scores(write):
    found = read_predictions(binary_models(write))
    at_least = found.at_least(3)
    assert at_least["method"].tolist() == [0.3, 0.3, 0.6, 0.9]  # not the .3 + .4 of the probabilities
    np.testing.assert_allclose(at_least["GM"], [0.7, 0.7, 0.4, 0.1])


def test_their_scores_are_averaged_over_the_images_of_a_patient(write):
    path = binary_models(write, patients=("a", "a", "b", "c"))
    found = read_predictions(path).per_patient("mean")
    assert found.n == 3
    np.testing.assert_allclose(found.at_least(2)["method"], [0.25, 0.9, 0.95])
    np.testing.assert_allclose(found.at_least(4)["GM"], [0.875, 0.7, 0.3])


def test_sums_of_probabilities_are_judged_where_there_is_no_binary_model(write):
    header = ["case_id", "patient_id", "label", "score:S0-S1", "score:S2", "score:S3", "score:S4"]
    found = read_predictions(write(header, [("a", "a", "S1", 0.1, 0.2, 0.3, 0.4), ("b", "b", "S4", 0, 0.1, 0.2, 0.7)]))
    np.testing.assert_allclose(found.at_least(3)["method"], [0.7, 0.9])
