"""The skgmm command as a process: standard streams, output files and exit statuses."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from skgmm import GaussianMixtureEM
from skgmm.__main__ import main
from skgmm._inference.export.output_file import complete_file, is_open_file_path

COMMAND = [sys.executable, "-P", "-m", "skgmm"]
DEADLINE = 120  # seconds; only against hanging

posix = pytest.mark.skipif(os.name != "posix", reason="files and signals as POSIX has them")


@pytest.fixture
def data(tmp_path, faithful):
    path = tmp_path / "data.csv"
    np.savetxt(path, faithful, delimiter=",", header="a,b", comments="")
    return path


def run(*arguments, **options):
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, **options}
    return subprocess.run([*COMMAND, *map(str, arguments)], text=True, timeout=DEADLINE, **options)


def start(*arguments, command=COMMAND, **options):
    return subprocess.Popen(
        [*command, *map(str, arguments)], text=True, stderr=subprocess.PIPE, **options
    )


def first_line(result):
    return result.stdout.splitlines()[0]


# Which data


def test_an_empty_standard_input_means_the_embedded_data():
    result = run()
    assert result.returncode == 0
    assert first_line(result) == "Data: Old Faithful eruptions (embedded data), 272 rows, 2 columns"
    assert result.stderr == "skgmm: standard input is empty, so the embedded data are fitted\n"


def test_empty_cells_and_na_are_missing_unless_refused(tmp_path, faithful, capsys):
    cells = [[f"{value:g}" for value in row] for row in faithful]
    cells[3][0], cells[5][1], cells[7] = "", "NA", ["nan", "null"]
    path, out = tmp_path / "holes.csv", tmp_path / "out.csv"
    path.write_text("\n".join(["a,b", *map(",".join, cells)]))
    assert main([str(path), "--labels", str(out)]) == 0
    printed, error = capsys.readouterr()
    assert error == ""
    assert printed.startswith(f"Data: {path}, 272 rows, 2 columns, 4 missing values\n")
    assert len(out.read_text().splitlines()) == 273
    X = np.where(np.isin(cells, ["", "NA", "nan", "null"]), "nan", cells).astype(float)
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    assert str(mixture.summary()).replace("x0", "a ").split()[-3:] == printed.split()[-3:]
    labels = np.loadtxt(out, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(labels[:, 0], mixture.predict(X))
    assert main([str(path), "--missing", "refuse"]) == 2
    error = capsys.readouterr().err
    assert "'a' (line 5: ''), 'b' (line 7: 'NA')" in error
    assert len(error.splitlines()) == 1
    assert main([str(path), "--missing", "drop"]) == 2


@posix
def test_a_closed_standard_input_means_the_embedded_data():
    script = 'exec "$@" <&-'
    result = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND], capture_output=True, text=True, timeout=DEADLINE
    )
    assert result.returncode == 0
    assert "embedded data" in first_line(result)
    assert result.stderr == "skgmm: standard input is closed, so the embedded data are fitted\n"


@pytest.mark.slow
@posix
def test_in_a_terminal_the_embedded_data_are_fitted():
    ours, theirs = os.openpty()
    try:
        result = run(stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert result.returncode == 0
    assert "embedded data" in first_line(result)
    assert result.stderr == ""


@pytest.mark.slow
def test_standard_input_is_read_and_waited_for(data):
    with start(stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert "waiting for data on standard input" in child.stderr.readline()
        printed, error = child.communicate(data.read_text(), timeout=DEADLINE)
    assert child.returncode == 0
    assert printed.startswith("Data: standard input, 272 rows")
    assert error == ""


def test_with_a_file_or_demo_standard_input_is_not_read(data, monkeypatch, capsys):
    def fail():
        raise AssertionError("standard input was read")

    monkeypatch.setattr("skgmm._applications.command._input._read_standard_input", fail)
    assert main([str(data)]) == 0
    assert capsys.readouterr().out.startswith(f"Data: {data}, 272 rows")
    assert main(["--demo"]) == 0
    assert capsys.readouterr().out.startswith("Data: Old Faithful eruptions (embedded data)")


@pytest.mark.parametrize("arguments", [["-"], ["--labels", "out.csv"]])
def test_embedded_data_do_not_take_the_place_of_data(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    assert main(arguments) == 2
    assert "standard input is closed: give a CSV file, or --demo" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# How it ends


@posix
def test_broken_pipe_is_not_an_error(data, tmp_path):
    """As in `skgmm data.csv | head -2`; the labels are written all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    child = start(data, "--labels", tmp_path / "out.csv", stdout=writing)
    os.close(writing)
    assert child.communicate(timeout=DEADLINE)[1] == ""
    assert child.returncode == 141
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 273


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(data):
    with open("/dev/full", "w") as full:
        result = run(data, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 2
    assert result.stderr == "skgmm: standard output: No space left on device\n"


@pytest.mark.slow
@posix
def test_interrupt_ends_without_traceback():
    # A shell may have started the tests with SIGINT ignored, which children inherit.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from skgmm.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-P", "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with start(command=command, **pipes) as child:
        assert "waiting" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=DEADLINE)[1] == ""
    assert child.returncode == 130


# Output files


@posix
def test_data_file_is_recognised_by_every_path(data, tmp_path, monkeypatch, capsys):
    before = data.read_bytes()
    (tmp_path / "symbolic").symlink_to(data)
    (tmp_path / "hard").hardlink_to(data)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for path in ("data.csv", "symbolic", "hard", "folder/../data.csv", "./data.csv"):
        assert main([str(data), "--labels", path]) == 2
        error = capsys.readouterr().err
        assert f"--labels {Path(path)} would overwrite the data file {data}" in error
        assert main([path, "--labels", str(data)]) == 2
        assert f"would overwrite the data file {path}" in capsys.readouterr().err
    assert data.read_bytes() == before


@pytest.mark.slow
@posix
def test_files_on_standard_streams_are_not_overwritten(data):
    before = data.read_bytes()
    with data.open() as stream:
        result = run("--labels", data, stdin=stream)
    assert result.returncode == 2
    assert "would overwrite the file on standard input" in result.stderr
    with data.open("a") as stream:
        result = run(data, capture_output=False, stdout=stream, stderr=subprocess.PIPE)
    assert result.returncode == 2
    assert "standard output is the data file" in result.stderr
    assert data.read_bytes() == before


@posix
def test_full_disk_keeps_the_old_file(data, tmp_path):
    """A limit on the size of files stands for the disk."""
    output = tmp_path / "out.csv"
    output.write_text("old")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "from skgmm.__main__ import main; sys.exit(main())"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-B", "-c", program, str(data), "--labels", str(output)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert result.returncode == 2
    assert result.stderr == f"skgmm: {output}: File too large\n"
    assert "Ended: converged" in result.stdout
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "out.csv"]


def _write_and_raise(file, error):
    file.write("new")
    file.flush()
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_file_is_replaced_only_by_a_complete_one(error, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(error), complete_file(path) as file:
        _write_and_raise(file, error)
    assert path.read_text() == "old"
    with complete_file(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_permissions_and_links_are_kept(tmp_path):
    path, link, new = tmp_path / "out.csv", tmp_path / "link", tmp_path / "new.csv"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to("out.csv")
    mask = os.umask(0o027)
    try:
        for target in (link, new):
            with complete_file(target) as file:
                file.write("text")
    finally:
        os.umask(mask)
    assert link.is_symlink()
    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640  # as any new file under this mask
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
@posix
def test_devices_and_pipes_are_written_to(data, tmp_path):
    """With /dev/stdout, labels follow the summary, in a file too."""
    output, pipe = tmp_path / "out.txt", tmp_path / "pipe"
    with output.open("w") as stream:
        run(data, "--labels", "/dev/stdout", capture_output=False, stdout=stream, check=True)
    lines = output.read_text().splitlines()
    assert lines[0].startswith("Data: ")
    assert lines[-273].startswith("label,responsibility_0")
    assert main([str(data), "--labels", os.devnull]) == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with complete_file(pipe) as file:
        file.write("text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert is_open_file_path(Path("/proc/self/fd/1"))
    assert not is_open_file_path(Path("/dev/shm/out.csv"))  # an ordinary folder


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent/out.csv", "absent does not exist"),
        ("data.csv/out.csv", "no file can be made in the folder"),
        (".", "is a folder"),
        ("-", "is not a file name"),
        ("/proc/out.csv", "cannot be written"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_the_fit(
    path, message, data, monkeypatch, capsys
):
    monkeypatch.chdir(data.parent)
    monkeypatch.setattr("skgmm.GaussianMixtureEM.fit", None)  # a call would be a TypeError
    assert main([str(data), "--labels", path]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"skgmm: --labels {path} ")
    assert message in error
    assert list(data.parent.iterdir()) == [data]


@pytest.mark.slow
@posix
def test_a_folder_or_file_without_write_permission_is_refused(data, tmp_path):
    """As another user, where the tests are run by root, whom permissions do not stop."""
    folder, output = tmp_path / "folder", tmp_path / "out.csv"
    folder.mkdir(mode=0o555)
    output.touch(mode=0o444)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from skgmm._applications.command._output import check_output\n"
        "os.getuid() or os.setuid(65534)\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n        check_output(Path(path), {})\n"
        "    except ValueError as error:\n        print(error)\n"
    )
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and str(parent).startswith(
            tempfile.gettempdir() + os.sep
        ):
            parent.chmod(parent.stat().st_mode | 0o055)
    result = subprocess.run(
        [sys.executable, "-P", "-c", code, folder / "out.csv", output],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    assert result.stdout.splitlines() == [
        f"cannot be written: no file can be made in the folder {folder} (Permission denied)",
        "cannot be written: the file is read-only",
    ]
