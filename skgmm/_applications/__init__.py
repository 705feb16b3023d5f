"""What is built on the public estimator: classifier and regressor, and the command `skgmm`."""
