using System.Net;
using System.Runtime.InteropServices;
using Forwarder.Abi;

namespace Forwarder.TestSupport;

/// <summary>Makes snapshot contents for tests in a few words. Slots and ids count up from 1 (interfaces from 0).</summary>
public sealed class ContentBuilder
{
    private readonly List<(byte IpVersion, string[] Sources, string[] Destinations, string[] Except)> _snat = [];

    /// <summary>What has been added so far.</summary>
    public SnapshotContent Content { get; } = new();

    /// <summary>Adds an interface and returns its id.</summary>
    public ushort Interface(int port, ushort vlan = 0, string? address = null, ushort mtuBytes = 1500)
    {
        ushort id = (ushort)Content.Interfaces.Count;
        uint address4 = 0;
        if (address != null)
        {
            Local(address, LocalAddressKind.Own, id);
            address4 = address.Contains(':', StringComparison.Ordinal) ? 0 : (uint)Words(address).High;
        }

        Content.Interfaces.Add(new InterfaceEntry { Port = (ushort)port, Vlan = vlan, Valid = 1, MtuBytes = mtuBytes, Address4 = address4 });
        return id;
    }

    /// <summary>Adds a local address.</summary>
    public ContentBuilder Local(string address, LocalAddressKind kind, ushort interfaceId = LocalAddress4Entry.AnyInterface)
    {
        (ulong high, ulong low) = Words(address);
        if (address.Contains(':', StringComparison.Ordinal))
        {
            Content.LocalAddresses6.Add(new LocalAddress6Entry { High = high, Low = low, Interface = interfaceId, Kind = kind });
        }
        else
        {
            Content.LocalAddresses4.Add(new LocalAddress4Entry { Address = (uint)high, Interface = interfaceId, Kind = kind });
        }

        return this;
    }

    /// <summary>Adds a virtual service (and its VIP, once) and returns its slot.</summary>
    public int Service(string vip, int port, byte protocol, Scheduler scheduler = Scheduler.Maglev, int maglevSize = 251, params (int Interface, string Address, int Weight)[] servers)
    {
        int slot = Content.Services.Count;
        (ulong high, ulong low) = Words(vip);
        bool v6 = vip.Contains(':', StringComparison.Ordinal);
        ushort networkPort = (ushort)IPAddress.HostToNetworkOrder((short)port);
        if (!(v6 ? Content.LocalAddresses6.Exists(e => e.High == high && e.Low == low) : Content.LocalAddresses4.Exists(e => e.Address == (uint)high)))
        {
            Local(vip, LocalAddressKind.Vip);
        }

        if (v6)
        {
            Content.ServiceKeys6.Add(new ServiceKey6Entry { High = high, Low = low, Rest = ServiceKey6Entry.PortAndProtocol(networkPort, protocol), Service = (uint)slot });
        }
        else
        {
            Content.ServiceKeys4.Add(new ServiceKey4Entry { Value = ServiceKey4Entry.Key((uint)high, networkPort, protocol), Service = (uint)slot });
        }

        Content.Services.Add(new ServiceEntry
        {
            Valid = 1, Scheduler = scheduler, Protocol = protocol, IpVersion = (byte)(v6 ? 6 : 4), Port = networkPort, VipHigh = high, VipLow = low,
            MembersFirst = (uint)Content.Members.Count, MembersCount = (uint)servers.Length, HashSalt = (uint)Hashes.Mix64(high ^ low ^ networkPort ^ protocol),
        });
        MaglevMember[] members = new MaglevMember[servers.Length];
        for (int i = 0; i < servers.Length; i++)
        {
            Content.Members.Add((uint)Server(slot, servers[i].Interface, servers[i].Address, servers[i].Weight));
            members[i] = new MaglevMember(Hashes.Mix64(Words(servers[i].Address).High ^ Words(servers[i].Address).Low), (uint)servers[i].Weight);
        }

        ushort[] table = MaglevTable.Build(members, maglevSize);
        if (table.Length > 0)
        {
            Content.MaglevTables.Add(slot, table);
        }

        return slot;
    }

    /// <summary>Puts all services and VIPs so far under a VRRP group.</summary>
    public ContentBuilder Govern(ushort vrrpGroup)
    {
        Content.VrrpGroupsEnd = Math.Max(Content.VrrpGroupsEnd, vrrpGroup + 1u);
        foreach (ref ServiceEntry service in CollectionsMarshal.AsSpan(Content.Services))
        {
            service.VrrpGroup = vrrpGroup;
        }

        foreach (ref LocalAddress4Entry local in CollectionsMarshal.AsSpan(Content.LocalAddresses4))
        {
            local.VrrpGroup = local.Kind == LocalAddressKind.Vip ? vrrpGroup : local.VrrpGroup;
        }

        foreach (ref LocalAddress6Entry local in CollectionsMarshal.AsSpan(Content.LocalAddresses6))
        {
            local.VrrpGroup = local.Kind == LocalAddressKind.Vip ? vrrpGroup : local.VrrpGroup;
        }

        return this;
    }

    /// <summary>Gives a VRRP group its virtual MAC address on a port and VLAN.</summary>
    public ContentBuilder VirtualMac(ushort vrrpGroup, byte vrid, bool isIPv6 = false, uint port = 0, uint vlan = 0)
    {
        Content.VrrpGroupsEnd = Math.Max(Content.VrrpGroupsEnd, vrrpGroup + 1u);
        Content.VirtualMacs.Add(new VirtualMacEntry { Key = VirtualMacEntry.MakeKey(VirtualMacEntry.MakeMac(vrid, isIPv6), vlan, port), VrrpGroup = vrrpGroup });
        return this;
    }

    /// <summary>Puts a server, added with its service, behind NAT with this port.</summary>
    public ContentBuilder Nat(int server, int port)
    {
        ServerEntry entry = Content.Servers[server];
        NextHopEntry hop = Content.NextHops[(int)entry.NextHop];
        ServiceEntry service = Content.Services[entry.Service];
        ushort networkPort = (ushort)IPAddress.HostToNetworkOrder((short)port);
        entry.Method = ForwardingMethod.Nat;
        entry.StateTable = ServerEntry.StateTableOf(entry.Method, service.Protocol);
        CollectionsMarshal.AsSpan(Content.Services)[entry.Service].TwoWay = 1;
        entry.Target = (uint)Content.Targets.Count;
        Content.Targets.Add(TargetEntry.Nat(service, hop.IpVersion, hop.High, hop.Low, networkPort));
        Content.Servers[server] = entry;
        if (hop.IpVersion == 4)
        {
            Content.ServerKeys4.Add(new ServerKey4Entry { Value = ServiceKey4Entry.Key((uint)hop.High, networkPort, service.Protocol), Server = (uint)server });
        }
        else
        {
            Content.ServerKeys6.Add(new ServerKey6Entry { High = hop.High, Low = hop.Low, Rest = ServiceKey6Entry.PortAndProtocol(networkPort, service.Protocol), Server = (uint)server });
        }

        return this;
    }

    /// <summary>Adds source addresses and puts a server, added with its service, behind FullNAT with this port.</summary>
    public ContentBuilder FullNat(int server, int port, params string[] sources)
    {
        ServerEntry entry = Content.Servers[server];
        NextHopEntry hop = Content.NextHops[(int)entry.NextHop];
        ref ServiceEntry service = ref CollectionsMarshal.AsSpan(Content.Services)[entry.Service];
        (service.PoolFirst, service.PoolCount) = Pool(sources);

        entry.Method = ForwardingMethod.FullNat;
        Content.Servers[server] = entry;
        service.TwoWay = Content.Servers.All(s => s.Service != entry.Service || s.Valid == 0 || s.Method == ForwardingMethod.FullNat) ? ServiceEntry.FullNatAlone : (byte)1;
        entry.MtuBytes += (ushort)(hop.IpVersion != service.IpVersion ? 20 : 0);
        entry.StateTable = ServerEntry.StateTableOf(entry.Method, service.Protocol);
        entry.Target = (uint)Content.Targets.Count;
        Content.Targets.Add(TargetEntry.Nat(service, hop.IpVersion, hop.High, hop.Low, (ushort)IPAddress.HostToNetworkOrder((short)port)));
        Content.Servers[server] = entry;
        return this;
    }

    /// <summary>Adds source addresses; returns where they are.</summary>
    public (uint First, uint Count) Pool(params string[] sources)
    {
        uint first = (uint)Content.PoolMembers.Count;
        foreach (string source in sources)
        {
            (ulong high, ulong low) = Words(source);
            ushort slot = (ushort)Content.Sources.Count;
            bool v6 = source.Contains(':', StringComparison.Ordinal);
            Content.Sources.Add(new SourceEntry { High = high, Low = low, IpVersion = (byte)(v6 ? 6 : 4), Valid = 1, Incarnation = 1 });
            Content.PoolMembers.Add(slot);
            if (v6)
            {
                Content.LocalAddresses6.Add(new LocalAddress6Entry { High = high, Low = low, Kind = LocalAddressKind.Source, Interface = LocalAddress4Entry.AnyInterface, Source = slot });
            }
            else
            {
                Content.LocalAddresses4.Add(new LocalAddress4Entry { Address = (uint)high, Kind = LocalAddressKind.Source, Interface = LocalAddress4Entry.AnyInterface, Source = slot });
            }
        }

        return (first, (uint)sources.Length);
    }

    /// <summary>Adds a rule of SNAT for the gateway's family; returns its server's slot.</summary>
    public int Snat(int gatewayInterface, string gateway, (uint First, uint Count) pool, string[] sources, string[]? destinations = null, string[]? except = null, ushort from = SnatRuleEntry.AnyInterface, ServiceFlags flags = ServiceFlags.None)
    {
        InterfaceEntry egress = Content.Interfaces[gatewayInterface];
        byte ipVersion = (byte)(gateway.Contains(':', StringComparison.Ordinal) ? 6 : 4);
        int service = Content.Services.Count, server = Content.Servers.Count;
        Content.Services.Add(new ServiceEntry { Valid = 1, IpVersion = ipVersion, TwoWay = 1, VipHigh = (ulong)service, PoolFirst = pool.First, PoolCount = pool.Count, Flags = flags });
        Content.Servers.Add(new ServerEntry
        {
            NextHop = (uint)NextHop(gatewayInterface, gateway), Service = (ushort)service, Vlan = egress.Vlan, Valid = 1, Port = (byte)egress.Port, Method = ForwardingMethod.SourceNat, Weight = 1, MtuBytes = egress.MtuBytes, Incarnation = 1,
            StateTable = ServerEntry.StateTableClient, Target = (uint)Content.Targets.Count, SnatRule = (ushort)Content.SnatRules.Count,
        });
        Content.Targets.Add(new TargetEntry { IpVersion = ipVersion });
        Content.SnatRules.Add(new SnatRuleEntry { Server = (uint)server, Interface = from, IpVersion = ipVersion });
        _snat.Add((ipVersion, sources, destinations ?? [ipVersion == 4 ? "0.0.0.0/0" : "::/0"], except ?? []));
        IndexSnat();
        return server;
    }

    private void IndexSnat()
    {
        Content.SnatSets.Clear();
        Dictionary<SnatSetEntry, uint> indexOf = [];
        foreach ((byte ipVersion, bool ofSources, List<SnatRangeEntry> table) in ((byte, bool, List<SnatRangeEntry>)[])[(4, true, Content.SnatSources4), (4, false, Content.SnatDestinations4), (6, true, Content.SnatSources6), (6, false, Content.SnatDestinations6)])
        {
            SnatIndex index = new(ipVersion);
            for (int rule = 0; rule < _snat.Count; rule++)
            {
                if (_snat[rule].IpVersion == ipVersion)
                {
                    Array.ForEach(ofSources ? _snat[rule].Sources : _snat[rule].Destinations, p => index.Add(rule, SnatRange.Of(IPNetwork.Parse(p))));
                    Array.ForEach(ofSources ? [] : _snat[rule].Except, p => index.Except(rule, SnatRange.Of(IPNetwork.Parse(p))));
                }
            }

            table.Clear();
            index.WriteTo(table, Content.SnatSets, indexOf);
        }
    }

    /// <summary>Puts a server, added with its service, behind a tunnel from this own address.</summary>
    public ContentBuilder Tunnel(int server, string source, Encapsulation encapsulation = Encapsulation.Ipip, int port = 0, bool checksum = false)
    {
        ServerEntry entry = Content.Servers[server];
        NextHopEntry hop = Content.NextHops[(int)entry.NextHop];
        (ulong high, ulong low) = Words(source);
        entry.Method = ForwardingMethod.Tunnel;
        entry.MtuBytes -= (ushort)((hop.IpVersion == 4 ? 20 : 40) + (encapsulation == Encapsulation.Gue ? 12 : encapsulation == Encapsulation.Gre ? (checksum ? 8 : 4) : 0));
        entry.Target = (uint)Content.Targets.Count;
        Content.Targets.Add(TargetEntry.Tunnel(hop.IpVersion, hop.High, hop.Low, high, low, encapsulation, (ushort)IPAddress.HostToNetworkOrder((short)port), checksum));
        Content.Servers[server] = entry;
        return this;
    }

    /// <summary>Next-hop slot of a neighbour, added once.</summary>
    public int NextHop(int interfaceId, string address)
    {
        (ulong high, ulong low) = Words(address);
        int slot = Content.NextHops.FindIndex(1, h => h.High == high && h.Low == low && h.Interface == interfaceId);
        if (slot < 0)
        {
            slot = Content.NextHops.Count;
            Content.NextHops.Add(new NextHopEntry { High = high, Low = low, Interface = (ushort)interfaceId, IpVersion = (byte)(address.Contains(':', StringComparison.Ordinal) ? 6 : 4) });
        }

        return slot;
    }

    private int Server(int service, int interfaceId, string address, int weight)
    {
        InterfaceEntry egress = Content.Interfaces[interfaceId];
        Content.Servers.Add(new ServerEntry
        {
            NextHop = (uint)NextHop(interfaceId, address), Service = (ushort)service, Vlan = egress.Vlan, Valid = 1, Port = (byte)egress.Port,
            Weight = (ushort)weight, MtuBytes = egress.MtuBytes, Incarnation = 1, StateTable = ServerEntry.StateTableOf(ForwardingMethod.DirectRouting, Content.Services[service].Protocol),
        });
        return Content.Servers.Count - 1;
    }

    /// <summary>An address as the region has it: IPv4 in the low four bytes of the first word.</summary>
    public static (ulong High, ulong Low) Words(string address)
    {
        byte[] bytes = new byte[16];
        IPAddress.Parse(address).GetAddressBytes().CopyTo(bytes, 0);
        return (MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<ulong>(bytes.AsSpan(8)));
    }

    /// <summary>A MAC address "02:00:00:00:00:01", first byte lowest.</summary>
    public static ulong Mac(string text)
    {
        ulong mac = 0;
        string[] parts = text.Split(':');
        for (int i = 0; i < 6; i++)
        {
            mac |= Convert.ToUInt64(parts[i], 16) << (8 * i);
        }

        return mac;
    }
}
