# A check of what runs fails: the coordinator is told once, and again when the link is back. What was
# seen before the version was live is not held against it.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> done
probe op1
> done
map op1
> done
write op1 PREPARED
> written
send op1 YES 
> commit op1
write op1 COMMITTED
> unhealthy HEALTH
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
> unhealthy HEALTH since=900
> wait 100
> unhealthy HEALTH
send op1 failed HEALTH
> unhealthy HEALTH
> commit op1
send op1 failed HEALTH
> link-down
> unhealthy SMOKE
> link-up
send STATE runs v2, 1 open
send op1 failed SMOKE
# The compensation leads back; of a version that went back nothing is said.
> superseded op1
note op1 FINAL
> prepare op1' kind=compensation parent=op1 version=v1 leaving=v2 generation=2
admit op1'
> done
map op1'
> done
write op1' PREPARED
> written
send op1' YES 
> commit op1'
write op1' COMMITTED
> written
publish op1'
> done
send op1' applied v1
note op1' APPLIED
> unhealthy HEALTH
