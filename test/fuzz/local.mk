## Fuzz targets: test/fuzz/fuzz_NAME.c with seeds in test/fuzz/seeds/NAME/.
## One line each: fuzz_targets += NAME
fuzz_targets += sql
fuzz_targets += message
fuzz_targets += startup
fuzz_targets += scram
fuzz_targets += settings
fuzz_targets += hba
fuzz_targets += ldap
