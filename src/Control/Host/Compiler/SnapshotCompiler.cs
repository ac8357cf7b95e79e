using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// From the model to what goes into a snapshot. Keeps slots stable, and what it has compiled at hand: a service whose model
/// is the same object as last time is taken over as it is. Not thread-safe: the state's owner uses it.
/// </summary>
public sealed class SnapshotCompiler
{

    private readonly TableCache _tables = new();
    private readonly NextHopTable _nextHops;
    private readonly SnatCompiler _snat;
    private readonly SnapshotContent _content = new();   // used again and again: anew it would be megabytes for each change
    private Dictionary<ServiceModel, CompiledService> _compiled = new(ReferenceEqualityComparer.Instance), _spare = new(ReferenceEqualityComparer.Instance);
    private IReadOnlyList<InterfaceModel> _interfaces = [];

    /// <summary>With no slot given yet.</summary>
    public SnapshotCompiler()
    {
        _nextHops = new NextHopTable(NextHops);
        _snat = new SnatCompiler(Services, Servers, _nextHops);
    }

    /// <summary>Slots of services.</summary>
    public SlotAllocator<ServiceKey> Services { get; } = new(Limits.ServicesMax);

    /// <summary>Slots of real servers, each of one service.</summary>
    public SlotAllocator<ServerKey> Servers { get; } = new(Limits.ServersMax);

    /// <summary>Slots of next hops.</summary>
    public SlotAllocator<(int Interface, IPAddress Address)> NextHops { get; } = new(Limits.NextHopsMax);

    /// <summary>Slots of source addresses of FullNAT; as many as the dataplane has room for.</summary>
    public SlotAllocator<IPAddress> Sources { get; private set; } = new(Limits.SourcesMax);

    /// <summary>
    /// Numbers of VRRP groups, by <see cref="VrrpGroupModel.Identity"/>: a group that is changed gets another one, whose lease is not
    /// held, so that what its predecessor, which runs a moment longer, does to its own lease says nothing of the new VIPs.
    /// </summary>
    public SlotAllocator<string> VrrpGroups { get; } = new(Limits.VrrpGroupsMax);

    /// <summary>
    /// Takes over the slots that a control before this one has published: flows in the dataplane name them. To be called
    /// before the first model is compiled. Incarnations of slots that are not in use are those that workers saw last.
    /// </summary>
    public void Restore(Region region)
    {
        region.Leases.Clear();   // of groups that this control has not been elected for, numbered by another one
        if (SnapshotReader.Read(region) is not { } content)
        {
            return;
        }

        Dictionary<int, ServiceKey> services = Used(content.Services, s => s.Valid != 0, s => new ServiceKey(s.Protocol, Address(s.VipHigh, s.VipLow, s.Protocol == 0 ? (byte)6 : s.IpVersion), (ushort)IPAddress.NetworkToHostOrder((short)s.Port)));
        Dictionary<int, (int, IPAddress)> hops = Used(content.NextHops, h => h.IpVersion != 0, h => ((int)h.Interface, Address(h.High, h.Low, h.IpVersion)));
        Dictionary<int, ServerKey> servers = Used(content.Servers, s => s.Valid != 0, s => s.Method == ForwardingMethod.SourceNat ? new ServerKey(services[s.Service], services[s.Service].Address, 0) : new ServerKey(services[s.Service], hops[(int)s.NextHop].Item2, PortOf(s, content, services[s.Service])));
        byte[] seen = SeenIncarnations(region);
        int count = Math.Max(content.Servers.Count, Array.FindLastIndex(seen, i => i != 0) + 1);
        Services.Restore(content.Services.Count, services, _ => 1);
        NextHops.Restore(content.NextHops.Count, hops, _ => 1);
        Sources.Restore(content.Sources.Count, Used(content.Sources, s => s.Valid != 0, s => Address(s.High, s.Low, s.IpVersion)), slot => content.Sources[slot].Incarnation);
        Servers.Restore(count, servers, slot => servers.ContainsKey(slot) ? content.Servers[slot].Incarnation : seen[slot]);
    }

    /// <summary>Compiles a model; what it gives is valid until the next call.</summary>
    public SnapshotContent Compile(DirectorModel model)
    {
        List<ServiceModel> added = Exchange(model);
        _snat.Free(model);
        _nextHops.SetGateways(model.SnatRules.SelectMany(r => r.Paths, (_, p) => (p.Interface, p.Gateway)));
        foreach (ServiceModel service in added)
        {
            _compiled.Add(service, CompileService(service));
        }

        TableCache.Build(added.Select(s => _compiled[s].Table));
        SnapshotContent content = Cleared();
        Dictionary<FlowTimeouts, byte> timeouts = [];
        byte ofDirector = SetOf(ModelBuilder.Timeouts(model.Timeouts), timeouts, content);
        Dictionary<IPAddress, ushort> governed = Governed(model);
        content.VrrpGroupsEnd = governed.Count == 0 ? 0 : governed.Values.Max() + 1u;
        content.RejectsNoService = model.Flows.Reject != false;
        AddInterfaces(model, content);
        AddVrrp(model, governed, content);
        Dictionary<IPAddress, VrrpGroupModel> groups = model.VrrpGroups.SelectMany(g => g.Addresses, (g, vip) => (vip, g)).ToDictionary(p => p.vip, p => p.g);
        foreach (IPAddress vip in model.Services.Select(s => s.Key.Address).Concat(governed.Keys).Distinct())
        {
            AddVip(content, vip, groups.GetValueOrDefault(vip), governed.GetValueOrDefault(vip));
        }

        Dictionary<(string Pool, byte IpVersion), (uint First, uint Count)> pools = AddSources(model, content);
        content.Servers.EnsureCapacity(Servers.Count);
        content.MaglevTables.EnsureCapacity(model.Services.Count);
        foreach (ServiceModel service in model.Services)
        {
            FlowSettings flows = service.Flows?.Over(model.Flows) ?? model.Flows;
            ServiceRules rules = new(FlagsOf(flows, service.Key.Protocol), flows.ExpireQuiescent == true, service.Timeouts == null ? ofDirector : SetOf(model.TimeoutsOf(service), timeouts, content));
            AddService(service, _compiled[service], rules, governed.GetValueOrDefault(service.Key.Address), service.UsesSourcePool ? pools[(model.PoolOf(service)!.Name, Family(service.SourceExample!))] : default, content);
        }

        _snat.AddTo(model, content, (pool, ipVersion) => pools[(pool, ipVersion)], rule => (rule.Timeouts == null ? ofDirector : SetOf(model.TimeoutsOf(rule), timeouts, content), FlagsOf(model.Flows, Protocols.Tcp) & ServiceFlags.SynOnly));
        _nextHops.SetWatched(model.VrrpGroups.SelectMany(g => g.PeerHops).Concat(model.VrrpTracks.Where(t => t.Address != null).Select(t => (t.Interface, t.Address!))));
        _nextHops.AddTo(content);
        return content;
    }

    /// <summary>Source addresses, and where the pools of each family are.</summary>
    private Dictionary<(string Pool, byte IpVersion), (uint First, uint Count)> AddSources(DirectorModel model, SnapshotContent content)
    {
        if (Sources.Count > model.SourceAddressesMax + 1)
        {
            Sources = new SlotAllocator<IPAddress>(Limits.SourcesMax);   // the dataplane was started anew with less room
        }

        Sources.Capacity = model.SourceAddressesMax + 1;
        HashSet<IPAddress> wanted = [.. model.SourcePools.SelectMany(p => p.Addresses)];
        foreach ((IPAddress gone, _) in Sources.Used.Where(u => !wanted.Contains(u.Key)))
        {
            Sources.Free(gone);
        }

        Dictionary<(string, byte), (uint, uint)> places = [];
        foreach (SourcePoolModel pool in model.SourcePools)
        {
            foreach (IGrouping<byte, IPAddress> family in pool.Addresses.GroupBy(a => (byte)(a.AddressFamily == AddressFamily.InterNetwork ? 4 : 6)))
            {
                places.Add((pool.Name, family.Key), ((uint)content.PoolMembers.Count, (uint)family.Count()));
                foreach (IPAddress address in family)
                {
                    int slot = Sources.Take(address);
                    (ulong high, ulong low) = Words(address);
                    content.Sources.Put(slot, new SourceEntry { High = high, Low = low, IpVersion = family.Key, Valid = 1, Incarnation = Sources.Incarnation(slot) });
                    content.PoolMembers.Add((ushort)slot);
                    AddLocal(content, address, LocalAddressKind.Source, LocalAddress4Entry.AnyInterface, source: (ushort)slot);
                }
            }
        }

        return places;
    }

    /// <summary>The number of the group of each VIP that has one.</summary>
    private Dictionary<IPAddress, ushort> Governed(DirectorModel model)
    {
        (VrrpGroupModel Group, string Identity)[] groups = [.. model.VrrpGroups.Select(g => (g, g.Identity))];
        HashSet<string> wanted = [.. groups.Select(g => g.Identity)];
        foreach ((string gone, _) in VrrpGroups.Used.Where(u => !wanted.Contains(u.Key)))
        {
            VrrpGroups.Free(gone);
        }

        Dictionary<IPAddress, ushort> governed = [];
        foreach ((VrrpGroupModel group, string identity) in groups)
        {
            ushort number = (ushort)VrrpGroups.Take(identity);
            foreach (IPAddress vip in group.Addresses)
            {
                governed.Add(vip, number);
            }
        }

        return governed;
    }

    /// <summary>
    /// Lets go of what is not in the model any more and gives what has to be compiled. Slots are freed before others are
    /// taken, so that what is new does not push out what has just been freed without need.
    /// </summary>
    private List<ServiceModel> Exchange(DirectorModel model)
    {
        bool sameInterfaces = AreSame(model.Interfaces, _interfaces);
        Dictionary<ServiceModel, CompiledService> stay = _spare;
        List<ServiceModel> added = [];
        foreach (ServiceModel service in model.Services)
        {
            if (sameInterfaces && _compiled.Remove(service, out CompiledService? compiled))
            {
                stay.Add(service, compiled);
            }
            else
            {
                added.Add(service);
            }
        }

        foreach (ServerModel server in added.SelectMany(s => s.Servers))
        {
            _nextHops.Use(server);
        }

        foreach ((ServiceModel service, CompiledService compiled) in _compiled)
        {
            _tables.Release(compiled.Table);
            foreach (ServerModel server in service.Servers)
            {
                _nextHops.Release(server);
            }
        }

        FreeAllBut(added);
        _compiled.Clear();
        (_compiled, _spare, _interfaces) = (stay, _compiled, model.Interfaces);
        return added;
    }

    private void FreeAllBut(List<ServiceModel> added)
    {
        HashSet<ServiceKey> services = [.. added.Select(s => s.Key)];
        HashSet<ServerKey> servers = [.. added.SelectMany(s => s.Servers.Select(r => r.KeyIn(s.Key)))];
        foreach (ServiceModel service in _compiled.Keys)
        {
            if (!services.Contains(service.Key))
            {
                Services.Free(service.Key);
            }

            foreach (ServerModel server in service.Servers.Where(r => !servers.Contains(r.KeyIn(service.Key))))
            {
                Servers.Free(server.KeyIn(service.Key));
            }

            _nextHops.FreeUnused(service.Servers);
        }
    }

    private static bool AreSame(IReadOnlyList<InterfaceModel> a, IReadOnlyList<InterfaceModel> b) =>
        a.Count == b.Count && !a.Where((own, i) => (own.Port, own.Vlan, own.MtuBytes) != (b[i].Port, b[i].Vlan, b[i].MtuBytes)).Any();

    private SnapshotContent Cleared()
    {
        _content.Interfaces.Clear();
        _content.LocalAddresses4.Clear();
        _content.LocalAddresses6.Clear();
        _content.ServiceKeys4.Clear();
        _content.ServiceKeys6.Clear();
        _content.Services.Clear();
        _content.Services.Add(default);   // slot 0 is nobody's
        _content.Members.Clear();
        _content.Servers.Clear();
        _content.Servers.Add(default);
        _content.NextHops.Clear();
        _content.NextHops.Add(default);
        _content.Targets.Clear();
        _content.Targets.Add(default);
        _content.ServerKeys4.Clear();
        _content.ServerKeys6.Clear();
        _content.Sources.Clear();
        _content.Sources.Add(default);
        _content.PoolMembers.Clear();
        _content.SnatRules.Clear();
        _content.SnatSources4.Clear();
        _content.SnatDestinations4.Clear();
        _content.SnatSources6.Clear();
        _content.SnatDestinations6.Clear();
        _content.SnatSets.Clear();
        _content.VirtualMacs.Clear();
        _content.Timeouts.Clear();
        _content.MaglevTables.Clear();
        return _content;
    }

    private static void AddInterfaces(DirectorModel model, SnapshotContent content)
    {
        for (int i = 0; i < model.Interfaces.Count; i++)
        {
            InterfaceModel source = model.Interfaces[i];
            IPAddress? own4 = source.Addresses.Select(a => a.Address).FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork);
            content.Interfaces.Add(new InterfaceEntry
            {
                Port = (ushort)source.Port, Vlan = source.Vlan, Valid = 1, MtuBytes = (ushort)source.MtuBytes, Address4 = own4 == null ? 0 : (uint)Words(own4).High,
            });
            foreach ((IPAddress address, _) in source.Addresses)
            {
                AddLocal(content, address, LocalAddressKind.Own, (ushort)i);
            }
        }
    }

    /// <summary>What ports must receive for the VRRP groups.</summary>
    private static void AddVrrp(DirectorModel model, Dictionary<IPAddress, ushort> governed, SnapshotContent content)
    {
        foreach (VrrpGroupModel group in model.VrrpGroups)
        {
            foreach (int heartbeat in group.Wires.Heartbeats)
            {
                CollectionsMarshal.AsSpan(content.Interfaces)[heartbeat].VrrpFamilies |= group.Key.IsIPv6 ? InterfaceEntry.Vrrp6 : InterfaceEntry.Vrrp4;
            }

            if (group.Settings.VirtualMac)
            {
                ulong mac = VirtualMacEntry.MakeMac(group.Key.Vrid, group.Key.IsIPv6);
                content.VirtualMacs.Add(new VirtualMacEntry { Key = VirtualMacEntry.MakeKey(mac, group.Home.Vlan, (uint)group.Port), VrrpGroup = governed[group.Addresses[0]] });
            }
        }
    }

    private static void AddVip(SnapshotContent content, IPAddress vip, VrrpGroupModel? group, ushort number) =>
        AddLocal(content, vip, LocalAddressKind.Vip, (ushort?)group?.AddressInterface ?? LocalAddress4Entry.AnyInterface, number, (byte)(group is { Config: { AcceptMode: false, IsOwner: false } } ? 1 : 0));

    private static void AddLocal(SnapshotContent content, IPAddress address, LocalAddressKind kind, ushort interfaceId, ushort vrrpGroup = 0, byte acceptsNone = 0, ushort source = 0)
    {
        (ulong high, ulong low) = Words(address);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            content.LocalAddresses4.Add(new LocalAddress4Entry { Address = (uint)high, Kind = kind, Interface = interfaceId, VrrpGroup = vrrpGroup, AcceptsNone = acceptsNone, Source = source });
        }
        else
        {
            content.LocalAddresses6.Add(new LocalAddress6Entry { High = high, Low = low, Kind = kind, Interface = interfaceId, VrrpGroup = vrrpGroup, AcceptsNone = acceptsNone, Source = source });
        }
    }

    private CompiledService CompileService(ServiceModel service)
    {
        int slot = Services.Take(service.Key);
        (ulong high, ulong low) = Words(service.Key.Address);
        ushort port = NetworkPort(service.Key.Port);
        uint[] slots = [.. service.Servers.Select(s => (uint)Servers.Take(s.KeyIn(service.Key)))];
        ServiceEntry entry = new()
        {
            Valid = 1, Scheduler = service.Scheduler, Protocol = service.Key.Protocol, IpVersion = (byte)(service.Key.Address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6), Port = port, VipHigh = high, VipLow = low,
            MembersCount = (uint)slots.Length, ClientAddress = service.ClientAddress, ConnectionsMax = (uint)service.ConnectionsMax, HashSalt = (uint)Hashes.Mix64(Hashes.Fold(high, low, ServiceKey6Entry.PortAndProtocol(port, service.Key.Protocol))),
        };
        return new CompiledService(
            slot,
            entry,
            slots,
            [.. service.Servers.Select((server, i) => CompileServer(server, service.Key.Protocol, (ushort)slot, Servers.Incarnation((int)slots[i])))],
            [.. service.Servers.Where(s => s.Method != ForwardingMethod.DirectRouting).Select(s => Target(s, entry))],
            _tables.Use(new TableKey(service)));
    }

    private ServerEntry CompileServer(ServerModel server, byte protocol, ushort service, byte incarnation)
    {
        InterfaceModel by = _interfaces[server.Interface];
        ServerEntry entry = new()
        {
            NextHop = (uint)_nextHops.SlotOf(server), Service = service, Vlan = by.Vlan, Valid = 1, Incarnation = incarnation, Port = (byte)by.Port, Method = server.Method,
            Weight = (ushort)server.Weight, MtuBytes = (ushort)(by.MtuBytes - server.OuterBytes), StateTable = ServerEntry.StateTableOf(server.Method, protocol),
        };
        entry.SetThresholds((uint)server.UpperThreshold, (uint)server.LowerThreshold);
        return entry;
    }

    private static void AddService(ServiceModel model, CompiledService service, ServiceRules rules, ushort vrrpGroup, (uint First, uint Count) pool, SnapshotContent content)
    {
        ServiceEntry entry = service.Entry;
        if (entry.IpVersion == 4)
        {
            content.ServiceKeys4.Add(new ServiceKey4Entry { Value = ServiceKey4Entry.Key((uint)entry.VipHigh, entry.Port, entry.Protocol), Service = (uint)service.Slot });
        }
        else
        {
            content.ServiceKeys6.Add(new ServiceKey6Entry { High = entry.VipHigh, Low = entry.VipLow, Rest = ServiceKey6Entry.PortAndProtocol(entry.Port, entry.Protocol), Service = (uint)service.Slot });
        }

        entry.MembersFirst = (uint)content.Members.Count;
        entry.VrrpGroup = vrrpGroup;
        entry.Flags = rules.Flags;
        entry.Timeouts = rules.Timeouts;
        (entry.PoolFirst, entry.PoolCount) = pool;
        content.Services.Put(service.Slot, entry);
        content.Members.AddRange(service.ServerSlots.AsSpan());
        AddServers(model, service, rules, content);
        if (service.Table.Entries is { Length: > 0 } table)
        {
            content.MaglevTables.Add(service.Slot, table);
        }
    }

    /// <summary>What a service has from the director's settings as well as its own: it changes without the service.</summary>
    private readonly record struct ServiceRules(ServiceFlags Flags, bool ExpireQuiescent, byte Timeouts);

    /// <summary>Number of a set of time-outs in the content; the model has no more than there are numbers.</summary>
    private static byte SetOf(FlowTimeouts wanted, Dictionary<FlowTimeouts, byte> sets, SnapshotContent content)
    {
        if (!sets.TryGetValue(wanted, out byte number))
        {
            number = checked((byte)content.Timeouts.Count);
            sets.Add(wanted, number);
            content.Timeouts.Add(wanted);
        }

        return number;
    }

    private static ServiceFlags FlagsOf(FlowSettings flows, byte protocol) =>
        ((protocol == Protocols.Sctp ? flows.SloppySctp : flows.SloppyTcp) == false ? ServiceFlags.SynOnly : ServiceFlags.None) | (flows.ExpireNoDestination == false ? ServiceFlags.KeepNoDestination : ServiceFlags.None)
        | (flows.Reject == false ? ServiceFlags.None : ServiceFlags.RejectNoServer);

    private static void AddServers(ServiceModel model, CompiledService service, ServiceRules rules, SnapshotContent content)
    {
        int target = 0;
        bool isTwoWay = service.Servers.Any(s => s.Method is ForwardingMethod.Nat or ForwardingMethod.FullNat);
        CollectionsMarshal.AsSpan(content.Services)[service.Slot].TwoWay = !isTwoWay ? (byte)0 : service.Servers.All(s => s.Method == ForwardingMethod.FullNat) ? ServiceEntry.FullNatAlone : (byte)1;
        for (int i = 0; i < service.Servers.Length; i++)
        {
            ServerEntry server = service.Servers[i];
            server.Timeouts = rules.Timeouts;
            server.Valid = rules.ExpireQuiescent && server.Weight == 0 ? ServerEntry.Quiescent : ServerEntry.InUse;
            if (server.Method != ForwardingMethod.DirectRouting)
            {
                server.Target = (uint)content.Targets.Count;
                content.Targets.Add(service.Targets[target++]);
            }

            content.Servers.Put((int)service.ServerSlots[i], server);
            if (server.Method == ForwardingMethod.Nat)
            {
                AddServerKey(model.Servers[i], model.Key.Protocol, (int)service.ServerSlots[i], content);
            }
        }
    }

    private static TargetEntry Target(ServerModel server, in ServiceEntry service)
    {
        (ulong high, ulong low) = Words(server.Address);
        (ulong sourceHigh, ulong sourceLow) = Words(server.Source);
        return server.Tunnel is not { } tunnel
            ? TargetEntry.Nat(service, Family(server.Address), high, low, NetworkPort(server.Port))
            : TargetEntry.Tunnel(Family(server.Address), high, low, sourceHigh, sourceLow, tunnel.Encapsulation, NetworkPort(tunnel.Port), tunnel.Checksum);
    }

    /// <summary>By what replies of a server behind NAT are known.</summary>
    private static void AddServerKey(ServerModel server, byte protocol, int slot, SnapshotContent content)
    {
        (ulong high, ulong low) = Words(server.Address);
        if (server.Address.AddressFamily == AddressFamily.InterNetwork)
        {
            content.ServerKeys4.Add(new ServerKey4Entry { Value = ServiceKey4Entry.Key((uint)high, NetworkPort(server.Port), protocol), Server = (uint)slot });
        }
        else
        {
            content.ServerKeys6.Add(new ServerKey6Entry { High = high, Low = low, Rest = ServiceKey6Entry.PortAndProtocol(NetworkPort(server.Port), protocol), Server = (uint)slot });
        }
    }

    private static byte Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? (byte)4 : (byte)6;

    private static ushort NetworkPort(int port) => (ushort)IPAddress.HostToNetworkOrder((short)port);

    private static int PortOf(in ServerEntry server, SnapshotContent content, ServiceKey service) =>
        server.Method is ForwardingMethod.Nat or ForwardingMethod.FullNat ? (ushort)IPAddress.NetworkToHostOrder((short)content.Targets[(int)server.Target].Port) : service.Port;

    private static Dictionary<int, TKey> Used<TEntry, TKey>(List<TEntry> entries, Func<TEntry, bool> isUsed, Func<TEntry, TKey> key) =>
        Enumerable.Range(1, Math.Max(0, entries.Count - 1)).Where(slot => isUsed(entries[slot])).ToDictionary(slot => slot, slot => key(entries[slot]));

    private static byte[] SeenIncarnations(Region region)
    {
        byte[] seen = new byte[Limits.ServersMax];
        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            Span<ServerCounters> counters = region.ServerCounters(worker);
            for (int slot = 0; slot < counters.Length; slot++)
            {
                seen[slot] = Math.Max(seen[slot], counters[slot].Incarnation);
            }
        }

        return seen;
    }

    private static IPAddress Address(ulong high, ulong low, byte ipVersion)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, high);
        MemoryMarshal.Write(bytes[8..], low);
        return new IPAddress(ipVersion == 4 ? bytes[..4] : bytes);
    }

    /// <summary>An address as the region has it: IPv4 in the low four bytes of the first word.</summary>
    public static (ulong High, ulong Low) Words(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes, out _);
        return (MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<ulong>(bytes[8..]));
    }
}
