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


def test_snapshots_and_grids_by_kimg_or_by_image(tmp_path):
    """The oldest goes first, whatever the order of the names: 9.5 before 10, and 1000001 last."""
    run = RunDirectory(tmp_path)
    assert run.snapshot(12).name == "network-snapshot-000012.ckpt"
    assert run.fakes(12).name == "fakes000012.png"
    assert run.snapshot(0.512).name == "network-snapshot-000000.512.ckpt"
    assert run.fakes(3.0).name == "fakes000003.000.png"
    kimgs = [0.016, 0.512, 1, 1.024, 2.0, 9.5, 10, 1000001]
    for folder, name in ((run.model, run.snapshot), (run.sample_rows, run.fakes)):
        folder.mkdir()
        for kimg in kimgs:
            name(kimg).touch()
    run.fakes_init.touch()
    (run.model / "network-snapshot-000001.5.ckpt").touch()  # not one of a run
    assert run.snapshots() == [(kimg, run.snapshot(kimg)) for kimg in kimgs]
    assert run.fakes_of_run() == [(0, run.fakes_init), *((kimg, run.fakes(kimg)) for kimg in kimgs)]
    run.keep_snapshots(3)
    assert [kimg for kimg, _ in run.snapshots()] == [9.5, 10, 1000001]


def test_what_a_kill_left_is_removed(tmp_path):
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    part = run.checkpoints / ".mindgan-part-77-Generator3.ckpt"
    part.touch()
    deep = run.validation / "source" / "Data" / "a" / ".mindgan-part-77-1.png"
    deep.parent.mkdir(parents=True)
    for path in (deep, deep.with_name("1.png"), run.validation / ".mindgan-part-77-images.npy"):
        path.touch()
    theirs = tmp_path / ".my.partial"
    theirs.touch()
    run.images.mkdir()
    run.image(3).touch()
    run.remove_parts()
    assert not part.exists()
    assert [path.name for path in run.validation.rglob("*") if path.is_file()] == ["1.png"]
    assert theirs.exists()
    assert run.sample_images() == [(3, run.image(3))]


def test_a_file_in_its_place_is_told(tmp_path):
    (tmp_path / "result").write_text("")
    with pytest.raises(UserError, match=r"--train_url .*result cannot be written"):
        RunDirectory(tmp_path / "result").create()


def test_images_of_the_same_mark_stay_and_others_are_replaced(tmp_path):
    run, said = RunDirectory(tmp_path), []
    run.begin_data([], {"seed": 1}, said.append)
    run.data.mkdir()
    for path in (image := run.data / "StyleGan_0.jpg", run.manifest):
        path.touch()
    run.begin_data(run.all_generated(), {"seed": 1}, said.append)
    assert image.exists()
    assert run.manifest.exists()
    assert said == []
    run.begin_data(run.all_generated(), {"seed": 2}, said.append)
    assert not image.exists()
    assert not run.manifest.exists()
    assert said == [f"replacing 1 image of {run.data}, of other settings, images or another network"]
