# Pauses between starts grow as long as no host has been up for a while.
> node runs=v1
> wait 1
start the host with v1
> host-up
> host-dies
> wait 100
start the host with v1
> host-dies
> wait 70000
start the host with v1
> host-dies
> wait 399
> wait 1
start the host with v1
> host-up
> wait 60000
> host-dies
> wait 99
> wait 1
start the host with v1
