"""GaussianMixtureSearch on few samples: spurious models, and what the user is told."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureSearch
from skgmm.covariance import find_structure
from skgmm.model_selection._admissible import needed_samples, unsupported


def quiet(X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureSearch(random_state=0, **options).fit(X)


def two_clusters(seed, n_each=8, d=2):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(-3, 1, (n_each, d)), rng.normal(3, 1, (n_each, d))])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("EII", 2), ("EEE", 2), ("VII", 3), ("VEE", 3), ("VVI", 5), ("EEV", 8), ("VVV", 8)],
)
def test_needed_samples_follow_from_what_components_do_not_share(name, expected):
    assert needed_samples(find_structure(name), 6) == expected


@pytest.mark.parametrize("name", ["EII", "VII", "EEI", "VVI", "EEE", "VVV"])
def test_one_feature_has_neither_shape_nor_orientation(name):
    assert needed_samples(find_structure(name), 1) == (3 if name[0] == "V" else 2)


def test_one_component_is_always_supported():
    assert unsupported(find_structure("VVV"), np.array([3.0]), 20) is None
    assert "components [1] have 3" in unsupported(find_structure("VVV"), np.array([9.0, 3.0]), 2)


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
    with pytest.warns(ConvergenceWarning, match=r"1 models with a better value.* 'full' with 2"):
        GaussianMixtureSearch((1, 2, 3), ["full"], random_state=0).fit(two_clusters(0, n_each=5))


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
