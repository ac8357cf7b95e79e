using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>A real server as the second reading knows it. Addresses are in network order, ports are numbers; a tunnel's source is its outer one.</summary>
public sealed record FuzzServer(int Slot, ForwardingMethod Method, byte[] Address, int Port, int Egress, int Vlan, int MtuBytes, uint NextHop, int Weight, byte[] Source);
