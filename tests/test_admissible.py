"""GaussianMixtureSearch on few samples: spurious models, and what the user is told."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureSearch
from skgmm.covariance import find_structure
from skgmm.model_selection._admissible import (
    needed_for_orientation,
    needed_samples,
    unsupported,
)


def quiet(X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureSearch(random_state=0, **options).fit(X)


def two_clusters(seed, n_each=8, d=2):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(-3, 1, (n_each, d)), rng.normal(3, 1, (n_each, d))])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EII", 2),
        ("EEE", 2),
        ("VII", 3),
        ("VEE", 3),
        ("VVI", 5),
        ("EVE", 8),
        ("VVE", 8),
        ("EEV", 8),
        ("VVV", 8),
    ],
)
def test_needed_samples_follow_from_what_components_do_not_share(name, expected):
    assert needed_samples(find_structure(name), 6) == expected


@pytest.mark.parametrize("name", ["EII", "VII", "EEI", "VVI", "EEE", "VVV"])
def test_one_feature_has_neither_shape_nor_orientation(name):
    assert needed_samples(find_structure(name), 1) == (3 if name[0] == "V" else 2)


def test_one_component_is_always_supported():
    assert unsupported(find_structure("VVV"), np.array([3.0]), 20) is None
    assert "components [1] have 3" in unsupported(find_structure("VVV"), np.array([9.0, 3.0]), 2)


def test_a_component_of_exactly_as_many_samples_as_it_needs_is_supported():
    """Responsibilities of 3 samples sum to 2.9999."""
    assert unsupported(find_structure("VII"), np.array([97.0001, 2.9999]), 1) is None
    assert unsupported(find_structure("VII"), np.array([97.1, 2.9]), 1) is not None


def test_shared_orientations_need_samples_beside_the_means():
    X = np.random.default_rng(0).normal(size=(12, 8))
    found = quiet(X, n_components=(1, 2, 3), covariance_types=["tied", "tied-spherical"]).results_
    status = dict(
        zip(
            zip(found["covariance_type"], found["n_components"], strict=True),
            found["status"],
            strict=True,
        )
    )
    assert "needs 13 samples for the orientation" in status["tied", 3]
    assert "inadmissible" not in status["tied", 2]
    assert "orientation" not in status["tied-spherical", 3]


@pytest.mark.parametrize(("n", "d"), [(20, 10), (30, 12), (50, 15)])
def test_noise_of_many_features_is_one_component(n, d):
    """Axes that are shared and fitted turn to where a component of few samples has no variance."""
    X = np.random.default_rng(0).normal(size=(n, d))
    search = quiet(X, n_components=range(1, 6), covariance_types=["tied-spherical", "EVE", "VVE"])
    assert search.best_n_components_ == 1


def test_three_clusters_of_many_features_are_three_components():
    rng = np.random.default_rng(0)
    centres = 8.0 * np.linalg.qr(rng.normal(size=(10, 10)))[0][:3]
    X = np.repeat(centres, 20, axis=0) + rng.normal(size=(60, 10))
    assert quiet(X, covariance_types=["tied-spherical", "EVE", "VVE"]).best_n_components_ == 3


@pytest.mark.parametrize("name", ["full", "diag"])
def test_samples_of_next_to_no_weight_support_nothing(name):
    X = np.concatenate([two_clusters(0, 20), two_clusters(1, 2) + 20.0])
    beside = np.concatenate([X, np.random.default_rng(0).normal(size=(300, 2))])
    weights = np.r_[np.ones(len(X)), np.full(300, 1e-12)]
    options = {"n_components": (1, 2, 3), "covariance_types": [name]}
    plain = quiet(X, **options).results_["status"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GaussianMixtureSearch(random_state=0, **options).fit(beside, sample_weight=weights)
    assert any("inadmissible" in status for status in plain)
    kinds = [[one.split(":")[0] for one in some] for some in (plain, search.results_["status"])]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("weight", [0.3, 1 / 14, 0.01])
def test_samples_that_exactly_suffice_are_not_too_few_by_rounding(weight):
    X = np.random.default_rng(0).normal(size=(14, 10))
    search = GaussianMixtureSearch((1, 2), ["tied"], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, sample_weight=np.full(14, weight))
    assert "orientation" not in search.results_["status"][1]


def test_a_registered_name_of_three_letters_is_no_code():
    structure = type("Named", (), {"code": "ACE"})()
    assert (needed_samples(structure, 10), needed_for_orientation(structure, 3, 10)) == (2, 0)


def test_a_collapse_without_a_shared_value_is_not_explained_by_one():
    X = np.random.default_rng(7).standard_cauchy(size=(200, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GaussianMixtureSearch(range(1, 7), ["full", "diag"], random_state=0).fit(X)
    assert not any("share a value" in str(one.message) for one in caught)


def test_warning_where_a_shared_value_stands_in_the_way_of_fewer_components():
    rng = np.random.default_rng(0)
    X = np.where(rng.uniform(size=300) < 0.4, 0.0, rng.normal(5, 1, 300))[:, None]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GaussianMixtureSearch(range(1, 7), ["full", "tied"], reg_covar=1e-9, random_state=0).fit(X)
    assert any("because a component collapsed" in str(one.message) for one in caught)
    same = {"n_components": range(1, 7), "covariance_types": ["full", "tied"]}
    assert quiet(X, **same, reg_covar=1e-9, prior="auto").best_n_components_ == 2
    assert quiet(X, **same).best_n_components_ == 2


@pytest.mark.slow
@pytest.mark.parametrize(("n", "d"), [(20, 2), (30, 4), (40, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_one_component(n, d, seed):
    X = np.random.default_rng(seed).normal(size=(n, d))
    assert quiet(X).best_n_components_ == 1


@pytest.mark.parametrize("seed", range(10))
def test_two_small_clusters_are_two_or_three_components(seed):
    assert quiet(two_clusters(seed)).best_n_components_ in (2, 3)


def test_inadmissible_models_have_a_status_and_no_score():
    search = quiet(two_clusters(0))
    inadmissible = np.array(["inadmissible" in status for status in search.results_["status"]])
    assert inadmissible.any()
    assert np.isnan(search.results_["bic"][inadmissible]).all()
    assert not inadmissible[search.results_["n_components"] == 1].any()


def test_warning_about_spurious_models_that_bic_prefers():
    X = np.random.default_rng(1).normal(size=(20, 2))
    with pytest.warns(ConvergenceWarning, match=r"Models with a better value.* 'full' with"):
        GaussianMixtureSearch((1, 2, 3), ["full"], random_state=0).fit(X)


def test_warning_about_models_that_need_more_samples():
    with pytest.warns(
        ConvergenceWarning, match=r"2 of 4 models are excluded because X has too few"
    ):
        GaussianMixtureSearch((1, 3), ["full", "EEV"], random_state=0).fit(two_clusters(0, 5))


def test_weights_that_are_counts_support_components():
    """Sixteen samples of weight 4 are as many as 64 samples."""
    X, weights = two_clusters(0), np.full(16, 4.0)
    repeated = quiet(np.repeat(X, 4, axis=0))
    weighted = GaussianMixtureSearch(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weighted.fit(X, sample_weight=weights)
    assert [s.partition(":")[0] for s in weighted.results_["status"]] == [
        s.partition(":")[0] for s in repeated.results_["status"]
    ]


def test_best_at_the_largest_number_tried_gives_a_warning():
    X = two_clusters(0, n_each=50)
    with pytest.warns(ConvergenceWarning, match=r"2, is the largest .* from 1 to 2"):
        GaussianMixtureSearch((1, 2), ["tied"], random_state=0).fit(X)


def test_search_over_a_single_number_of_components():
    GaussianMixtureSearch(2, ["tied"], random_state=0).fit(two_clusters(0, n_each=50))
