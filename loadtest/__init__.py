"""Load tests: locust over HTTP. Knows the API and nothing else of ours."""
