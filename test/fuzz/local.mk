## Fuzz targets: test/fuzz/fuzz_NAME.c with seeds in test/fuzz/seeds/NAME/.
## One line each: fuzz_targets += NAME
fuzz_targets += sql
