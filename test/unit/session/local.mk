## Unit tests of the layer session.
