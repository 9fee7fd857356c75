## Unit tests of the layer cluster.
