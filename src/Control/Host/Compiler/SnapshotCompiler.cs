using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>From the model to what goes into a snapshot. Keeps slots stable and built Maglev tables at hand; not thread-safe: the state's owner uses it.</summary>
public sealed class SnapshotCompiler
{
    private const int Ipv4HeaderBytes = 20, Ipv6HeaderBytes = 40;

    private Dictionary<TableKey, ushort[]> _tables = [];

    /// <summary>Slots of services.</summary>
    public SlotAllocator<ServiceKey> Services { get; } = new(Limits.ServicesMax);

    /// <summary>Slots of real servers, each of one service.</summary>
    public SlotAllocator<ServerKey> Servers { get; } = new(Limits.ServersMax);

    /// <summary>Slots of next hops.</summary>
    public SlotAllocator<(int Interface, IPAddress Address)> NextHops { get; } = new(Limits.NextHopsMax);

    /// <summary>
    /// Takes over the slots that a control before this one has published: flows in the dataplane name them. To be called
    /// before the first model is compiled. Incarnations of slots that are not in use are those that workers saw last.
    /// </summary>
    public void Restore(Region region)
    {
        if (SnapshotReader.Read(region) is not { } content)
        {
            return;
        }

        Dictionary<int, ServiceKey> services = Used(content.Services, s => s.Valid != 0, s => new ServiceKey(s.Protocol, Address(s.VipHigh, s.VipLow, s.IpVersion), (ushort)IPAddress.NetworkToHostOrder((short)s.Port)));
        Dictionary<int, (int, IPAddress)> hops = Used(content.NextHops, h => h.IpVersion != 0, h => ((int)h.Interface, Address(h.High, h.Low, h.IpVersion)));
        Dictionary<int, ServerKey> servers = Used(content.Servers, s => s.Valid != 0, s => new ServerKey(services[s.Service], hops[(int)s.NextHop].Item2, PortOf(s, content, services[s.Service])));
        byte[] seen = SeenIncarnations(region);
        int count = Math.Max(content.Servers.Count, Array.FindLastIndex(seen, i => i != 0) + 1);
        Services.Restore(content.Services.Count, services, _ => 1);
        NextHops.Restore(content.NextHops.Count, hops, _ => 1);
        Servers.Restore(count, servers, slot => servers.ContainsKey(slot) ? content.Servers[slot].Incarnation : seen[slot]);
    }

    /// <summary>Compiles a model.</summary>
    public SnapshotContent Compile(DirectorModel model)
    {
        // Free first, so that what is new does not push out what has just been freed without need.
        Services.KeepOnly(model.Services.Select(s => s.Key).ToHashSet());
        Servers.KeepOnly(model.Services.SelectMany(s => s.Servers.Select(r => r.KeyIn(s.Key))).ToHashSet());
        NextHops.KeepOnly(model.Services.SelectMany(s => s.Servers.Select(r => (r.Interface, r.Address))).ToHashSet());
        SnapshotContent content = new() { Timeouts = model.Timeouts };
        AddInterfaces(model, content);
        foreach (IPAddress vip in model.Services.Select(s => s.Key.Address).Distinct())
        {
            AddLocal(content, vip, LocalAddressKind.Vip, LocalAddress4Entry.AnyInterface);
        }

        foreach (ServiceModel service in model.Services)
        {
            AddService(model, service, content);
        }

        AddTables(model, content);
        return content;
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

    private static void AddLocal(SnapshotContent content, IPAddress address, LocalAddressKind kind, ushort interfaceId)
    {
        (ulong high, ulong low) = Words(address);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            content.LocalAddresses4.Add(new LocalAddress4Entry { Address = (uint)high, Kind = kind, Interface = interfaceId });
        }
        else
        {
            content.LocalAddresses6.Add(new LocalAddress6Entry { High = high, Low = low, Kind = kind, Interface = interfaceId });
        }
    }

    private void AddService(DirectorModel model, ServiceModel service, SnapshotContent content)
    {
        int slot = Services.Take(service.Key);
        (ulong high, ulong low) = Words(service.Key.Address);
        ushort port = NetworkPort(service.Key.Port);
        bool v4 = service.Key.Address.AddressFamily == AddressFamily.InterNetwork;
        if (v4)
        {
            content.ServiceKeys4.Add(new ServiceKey4Entry { Value = ServiceKey4Entry.Key((uint)high, port, service.Key.Protocol), Service = (uint)slot });
        }
        else
        {
            content.ServiceKeys6.Add(new ServiceKey6Entry { High = high, Low = low, Rest = ServiceKey6Entry.PortAndProtocol(port, service.Key.Protocol), Service = (uint)slot });
        }

        Put(content.Services, slot, new ServiceEntry
        {
            Valid = 1, Scheduler = service.Scheduler, Protocol = service.Key.Protocol, IpVersion = (byte)(v4 ? 4 : 6), Port = port, VipHigh = high, VipLow = low,
            MembersFirst = (uint)content.Members.Count, MembersCount = (uint)service.Servers.Count,
            HashSalt = (uint)Hashes.Mix64(Hashes.Fold(high, low, ServiceKey6Entry.PortAndProtocol(port, service.Key.Protocol))),
        });
        foreach (ServerModel server in service.Servers)
        {
            int serverSlot = Servers.Take(server.KeyIn(service.Key));
            content.Members.Add((uint)serverSlot);
            Put(content.Servers, serverSlot, new ServerEntry
            {
                NextHop = (uint)AddNextHop(server, content), Service = (ushort)slot, Vlan = model.Interfaces[server.Interface].Vlan, Valid = 1,
                Incarnation = Servers.Incarnation(serverSlot), Port = (byte)model.Interfaces[server.Interface].Port, Method = server.Method,
                Weight = (ushort)server.Weight, MtuBytes = (ushort)(model.Interfaces[server.Interface].MtuBytes - OuterBytes(server)), Target = AddTarget(server, content.Services[slot], content),
            });
            if (server.Method == ForwardingMethod.Nat)
            {
                AddServerKey(server, service.Key.Protocol, serverSlot, content);
            }
        }
    }

    /// <summary>Bytes of a tunnel's outer header.</summary>
    private static int OuterBytes(ServerModel server) =>
        server.Method != ForwardingMethod.Tunnel ? 0 : server.Address.AddressFamily == AddressFamily.InterNetwork ? Ipv4HeaderBytes : Ipv6HeaderBytes;

    private static uint AddTarget(ServerModel server, in ServiceEntry service, SnapshotContent content)
    {
        if (server.Method == ForwardingMethod.DirectRouting)
        {
            return 0;
        }

        (ulong high, ulong low) = Words(server.Address);
        (ulong sourceHigh, ulong sourceLow) = Words(server.Source);
        content.Targets.Add(server.Method == ForwardingMethod.Nat
            ? TargetEntry.Nat(service, high, low, NetworkPort(server.Port))
            : TargetEntry.Tunnel((byte)(server.Address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6), high, low, sourceHigh, sourceLow));
        return (uint)content.Targets.Count - 1;
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

    private static ushort NetworkPort(int port) => (ushort)IPAddress.HostToNetworkOrder((short)port);

    private static int PortOf(in ServerEntry server, SnapshotContent content, ServiceKey service) =>
        server.Method == ForwardingMethod.Nat ? (ushort)IPAddress.NetworkToHostOrder((short)content.Targets[(int)server.Target].Port) : service.Port;

    private int AddNextHop(ServerModel server, SnapshotContent content)
    {
        int slot = NextHops.Take((server.Interface, server.Address));
        (ulong high, ulong low) = Words(server.Address);
        Put(content.NextHops, slot, new NextHopEntry
        {
            High = high, Low = low, Interface = (ushort)server.Interface, IpVersion = (byte)(server.Address.AddressFamily == AddressFamily.InterNetwork ? 4 : 6),
        });
        return slot;
    }

    /// <summary>Maglev tables: what was built before is taken again, what is new is built on all CPUs, what nobody uses is forgotten.</summary>
    private void AddTables(DirectorModel model, SnapshotContent content)
    {
        TableKey[] keys = [.. model.Services.Select(s => new TableKey(s))];
        Dictionary<TableKey, ushort[]> tables = [];
        foreach (TableKey key in keys)
        {
            tables[key] = _tables.TryGetValue(key, out ushort[]? table) ? table : [];
        }

        TableKey[] missing = [.. tables.Keys.Where(k => !_tables.ContainsKey(k))];
        ushort[][] built = new ushort[missing.Length][];
        Parallel.For(0, missing.Length, i => built[i] = missing[i].Build());
        for (int i = 0; i < missing.Length; i++)
        {
            tables[missing[i]] = built[i];
        }

        _tables = tables;
        for (int i = 0; i < keys.Length; i++)
        {
            if (tables[keys[i]].Length > 0)
            {
                content.MaglevTables.Add(Services.Take(model.Services[i].Key), tables[keys[i]]);
            }
        }
    }

    private static void Put<T>(List<T> list, int slot, T value)
    {
        if (slot >= list.Count)
        {
            CollectionsMarshal.SetCount(list, slot + 1);
        }

        list[slot] = value;
    }

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
                seen[slot] = Math.Max(seen[slot], (byte)counters[slot].Incarnation);
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
