# A NO leaves no trace, and is not remembered: the same order may come again.
> node runs=v1 generation=4
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2 generation=4
send op1 NO STALE_GENERATION
> prepare op1 version=v2 generation=5
admit op1
> cannot BAD_SIGNATURE
drop op1
send op1 NO BAD_SIGNATURE
> prepare op1 version=v2 generation=5
admit op1
> done
probe op1
> cannot PROBE_CRASHED
drop op1
send op1 NO PROBE_CRASHED
# Another operation is under way on the module.
> prepare op2 version=v2 generation=5
admit op2
> prepare op3 version=v3 generation=7
send op3 NO BUSY
# The vow cannot be written.
> done
probe op2
> done
map op2
> done
write op2 PREPARED
> not-written
drop op2
send op2 NO STORAGE
# The host is away: it is waited for, but not for ever.
> prepare op4 version=v2 generation=7
admit op4
> done
probe op4
> done
map op4
> host-dies
drop op4
send op4 NO CRASHED
> prepare op5 version=v2 generation=9
admit op5
> done
probe op5
> done
> wait 100
start the host with v1
> host-up
map op5
send STATE runs v1, 0 open
> done
write op5 PREPARED
> written
send op5 YES 
> abort op5
drop op5
send op5 aborted v1
note op5 ABORTED
> prepare op5 version=v2 generation=9
send op5 aborted v1
# One module twice is no set.
> prepare op6 version=v2 generation=9 twice=yes
send op6 NO DUPLICATE
# Fetching has its own time; what follows has the time to prepare.
> prepare op7 version=v2 generation=9
admit op7
> wait 200000
> done
probe op7
> wait 1000
drop op7
send op7 NO EXPIRED
