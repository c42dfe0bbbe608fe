import pytest

from mindgan.runtime.errors import UserError
from mindgan.runtime.run_directory import RunDirectory


def test_keeps_the_newest_by_number_not_by_name(tmp_path):
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    for epoch in (2, 9, 10, 11):
        run.network("Generator", epoch).touch()
        run.network("Discriminator", epoch).touch()
    run.keep_networks("Generator", 2)
    assert [epoch for epoch, _ in run.networks("Generator")] == [10, 11]
    assert [epoch for epoch, _ in run.networks("Discriminator")] == [2, 9, 10, 11]


def test_what_a_kill_left_is_removed(tmp_path):
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    part = run.checkpoints / ".mindgan-part-77-Generator3.ckpt"
    part.touch()
    theirs = tmp_path / ".my.partial"
    theirs.touch()
    run.images.mkdir()
    run.image(3).touch()
    run.remove_parts()
    assert not part.exists()
    assert theirs.exists()
    assert run.sample_images() == [(3, run.image(3))]


def test_a_file_in_its_place_is_told(tmp_path):
    (tmp_path / "result").write_text("")
    with pytest.raises(UserError, match=r"--train_url .*result cannot be written"):
        RunDirectory(tmp_path / "result").create()
