# FINAL of one operation comes while the next one, back to what it left, is being prepared: what
# was left stays mapped until that is live, or has come to nothing.
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
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
> prepare op2 version=v1 generation=4
admit op2
> done
probe op2
> final op1
> done
map op2
> done
write op2 PREPARED
> written
send op2 YES 
> abort op2
drop op2
send op2 aborted v2
note op2 ABORTED
> written
> wait 60000
retire what op1 replaced
note op1 FINAL
