# It leaves while COMMIT is being written: then there is nobody to apply it, and nobody to watch.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 local version=v2 node=n0 soak=1000
ADMITTED: 1 of 1 reachable, need 1
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is preparing
> n0 yes op1
write op1 COMMIT
op1 is preparing
> revoke n0
op1 is preparing
> written op1
op1 is soaking
> wait 1000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
