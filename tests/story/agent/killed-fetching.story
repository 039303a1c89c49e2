# A1: the agent is killed while it fetches. It has promised nothing; PREPARE comes again, or not.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> restart row=NONE
> host-up
> link-up
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> wait 400000
drop op1
send op1 NO EXPIRED
