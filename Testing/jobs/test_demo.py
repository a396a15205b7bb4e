import pytest

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.jobs.demo import sample_files, sample_title
from LiverAILib.methods import list_papers
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec

SIMULATED = {name: spec for name, spec in list_papers().items() if spec.simulation}


def test_every_bundled_method_has_a_sample():
    assert {"nowak2021", "yin2021", "xue2020", "byra2021"} <= set(SIMULATED)


@pytest.mark.parametrize("name", SIMULATED)
def test_the_sample_of_a_method_fits_its_roles(name, tmp_path):
    spec = SIMULATED[name]
    files = sample_files(spec, tmp_path / "sample")
    assert set(files) == {role.name for role in spec.images}
    case = Case.from_files(files, modalities=spec.modalities)
    for role in spec.images:
        images = case.images[role.name]
        assert role.minimum <= len(images) <= (role.maximum or 5)
        assert all(image.modality == role.modality for image in images)
        assert all(image.color == role.color for image in images)
    assert sample_title(spec)


def test_a_method_that_nothing_is_simulated_for_has_no_sample(tmp_path):
    spec = MethodSpec("toy", "Toy", "", (ImageRole("t2", "T2", "MR"),), Answer("classes", "Toy"), "")
    with pytest.raises(UserError, match="nothing is simulated"):
        sample_files(spec, tmp_path)
