# Terminals of notebook servers. A user id without a name must not greet with "I have no name!".
PS1='\w\$ '
shopt -s checkwinsize
