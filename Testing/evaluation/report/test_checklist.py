from LiverAILib.evaluation.report.checklist import CITATION, ITEMS, OPEN, RECORD, REPORTED, answers_of_run, checklist

RUN = {"software": {"numpy": "2.0"}}
DATA = {"level": 0.95, "patients": 104, "rows": 104, "folds": 5, "subgroups": ["scanner"]}


def row(table, number):
    return next(cells for cells in table.rows if cells[0] == str(number))


def test_all_44_items_of_claim_2024_once():
    assert [item.number for item in ITEMS] == list(range(1, 45))
    assert len({item.key for item in ITEMS}) == 44
    assert "2024;6(4):e240300" in CITATION


def test_what_the_run_cannot_know_stays_open():
    table = checklist({}, answers_of_run(RUN, DATA))
    assert row(table, 28)[3] == REPORTED
    assert "patient is in two of the 5 folds" in row(table, 20)[4]
    for number in (5, 8, 13, 14, 21, 33, 40, 44):
        assert row(table, number)[3] == OPEN
    counted = sum(cells[3] == OPEN for cells in table.rows)
    assert table.note.startswith(f"{counted} of 44 items are open")


def test_the_users_record_answers_items():
    table = checklist({"funding": "none", "software": "torch 2.12", "aims": ""}, answers_of_run(RUN, DATA))
    assert row(table, 44)[3:] == (RECORD, "none")
    assert row(table, 23)[4].endswith("torch 2.12")
    assert row(table, 4)[3] == OPEN


def test_without_folds_and_subgroups_nothing_is_claimed():
    table = checklist({}, answers_of_run(RUN, {**DATA, "folds": 0, "subgroups": []}))
    assert row(table, 20)[3] == OPEN
    assert row(table, 30)[3] == OPEN
