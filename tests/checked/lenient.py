"beartype as numbers want it: an int is good enough for a float."
from beartype import BeartypeConf, beartype

CONF = BeartypeConf(is_pep484_tower=True, claw_is_pep526=False) # functions, not variables
check = beartype(conf=CONF)
