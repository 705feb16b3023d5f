"""Old Faithful with three components, as on the front page and in the README."""

from skgmm import GaussianMixtureEM, load_faithful
from skgmm.display import MixtureDisplay

X = load_faithful().data
mixture = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)
display = MixtureDisplay.from_estimator(mixture, X)
display.figure_.set_size_inches(6.4, 3.8)
display.ax_.set_xlabel("eruption time, minutes")
display.ax_.set_ylabel("waiting time, minutes")
