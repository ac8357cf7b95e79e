using System.Net;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>What names a VRRP group on the wire.</summary>
/// <param name="Interface">Index of the interface.</param>
/// <param name="Vrid">VRID.</param>
/// <param name="IsIPv6">Family.</param>
public readonly record struct VrrpGroupKey(int Interface, byte Vrid, bool IsIPv6);

/// <summary>A validated VRRP group.</summary>
/// <param name="Key">What names it on the wire.</param>
/// <param name="Name">Name.</param>
/// <param name="Port">Index of its interface's port.</param>
/// <param name="Device">Exception port of its interface's port.</param>
/// <param name="Vlan">VLAN id, 0 = untagged.</param>
/// <param name="Addresses">Its VIPs.</param>
/// <param name="Config">For the state machine; over IPv6 the primary address is put in when the port's MAC address is known.</param>
/// <param name="Settings">As they were given.</param>
public sealed record VrrpGroupModel(VrrpGroupKey Key, string Name, int Port, string Device, ushort Vlan, IReadOnlyList<IPAddress> Addresses, VrrpConfig Config, Api.VrrpGroupSettings Settings);
