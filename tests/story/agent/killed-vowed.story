# A3: killed after the vow is durable and before YES is sent. STATE says that it is open; PREPARE, if it
# comes again, has its YES.
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
> restart row=PREPARED
> host-up
> link-up
send STATE runs v1, 1 open
> prepare op1 version=v2
send op1 YES 
> abort op1
drop op1
send op1 aborted v1
note op1 ABORTED
