"""The generated data that tests and benchmarks/answers.py share."""

import numpy as np
import pytest
import synthetic_data as made

LABELLED = {
    "dummy": made.with_dummy,
    "one-hot": made.with_one_hot,
    "dummy and one-hot": made.with_dummy_and_one_hot,
    "count": made.with_count,
    "zero inflation": made.with_zero_inflation,
    "clipping": made.with_clipping,
    "questionnaire": made.questionnaire,
    "pixels": made.pixels,
    "skewed": made.skewed,
    "three rare groups": made.three_rare_groups,
    "far minority": made.far_minority,
    "fill values": made.fill_values,
    "apart": lambda seed: made.apart(seed, 60, 5, 3),
    "wide": lambda seed: made.wide(seed, 60, 20, 3),
    "few samples": lambda seed: made.few_samples(seed, 8, 3),
    "noise": lambda seed: made.noise(seed, 20, 2),
}


@pytest.mark.parametrize("name", LABELLED)
def test_generated_data_have_a_label_per_sample_and_repeat_with_the_seed(name):
    data, again = LABELLED[name](3), LABELLED[name](3)
    assert data.X.dtype == np.float64
    assert data.labels.shape == (len(data.X),)
    assert len(np.unique(data.labels)) == data.n_components
    if data.compared is not None:
        assert len(np.unique(data.labels[data.compared])) == data.n_components
    np.testing.assert_array_equal(data.X, again.X)


def test_few_samples_data_equal_two_clusters():
    np.testing.assert_array_equal(made.few_samples(5, 8, 2).X, made.two_clusters(5, 8).X)


def test_many_components_are_drawn_from_the_parameters_that_come_with_them():
    truth = made.many_components(0, 20_000, 3, 4)
    assert truth.weights.sum() == pytest.approx(1.0)
    for k in range(4):
        samples = truth.X[truth.labels == k]
        assert len(samples) / 20_000 == pytest.approx(truth.weights[k], abs=0.02)
        np.testing.assert_allclose(samples.mean(axis=0), truth.means[k], atol=0.1)
        np.testing.assert_allclose(np.cov(samples.T), truth.covariances[k], atol=0.25)
