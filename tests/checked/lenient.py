"beartype as numbers want it: an int is good enough for a float."
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
