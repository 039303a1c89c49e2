# A deadline that is armed while the fleet is isolated counts from when that is over.
> fleet 6
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> join n5
ready n5
> open op1 local version=v2 node=n0 soak=1000 prepare=30000
ADMITTED: 1 of 1 reachable, need 1
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is preparing
> leave n3
> leave n4
> leave n5
> wait 7000
send n0 op1 PREPARE v2
send n0 op1 PREPARE v2
send n0 op1 PREPARE v2
send n0 op1 PREPARE v2
send n0 op1 PREPARE v2
isolated
op1 is preparing
> wait 3600000
> n0 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is soaking
# soak of one second begins now
> accept-loss
isolated no more
op1 is soaking
> wait 3500000
write op1 SUCCEEDED
op1 is soaking
> wait 200000
