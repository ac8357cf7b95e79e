using System.Globalization;
using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Makes the API's views from the state in force and the region's counters.</summary>
public sealed class Views(DirectorState state, SnapshotCompiler compiler, DataplaneSupervisor supervisor, CounterBases counters)
{
    private static readonly DateTime s_started = System.Diagnostics.Process.GetCurrentProcess().StartTime;

    /// <summary>All services.</summary>
    public ServiceList Services()
    {
        DirectorState.Published current = state.Current;
        return new ServiceList
        {
            Generation = current.Generation,
            Services = [.. (current.Model?.Services ?? []).OrderBy(s => s.Key.ToString(), StringComparer.Ordinal).Select(Service)],
        };
    }

    /// <summary>One service.</summary>
    public ServiceView Service(string id)
    {
        DirectorModel? model = state.Current.Model;
        int at = model?.Find(id) ?? -1;
        return at >= 0 ? Service(model!.Services[at]) : throw ApiException.NotFound($"There is no virtual service {id}.");
    }

    /// <summary>The director as a whole.</summary>
    public StatusView Status()
    {
        DirectorState.Published current = state.Current;
        Region? region = supervisor.Region;
        ulong accepted = region == null ? 0 : SnapshotWord.Generation(Volatile.Read(ref region.Header.Accepted));
        bool rejected = region != null && region.Header.RejectedGeneration == current.Generation && current.Generation != 0;
        return new StatusView
        {
            Version = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "",
            UptimeS = (DateTime.Now - s_started).TotalSeconds,
            PublishedGeneration = current.Generation,
            AcceptedGeneration = accepted,
            RejectedReason = rejected ? $"{(SnapshotFault)region!.Header.RejectedFault}, entry {region.Header.RejectedIndex}" : null,
            Dataplane = Dataplane(region),
            Services = current.Model?.Services.Count ?? 0,
            Servers = current.Model?.Services.Sum(s => s.Servers.Count) ?? 0,
            Workers = Workers(),
            ResidentBytes = Environment.WorkingSet,
            SnapshotBytes = state.SnapshotBytes,
        };
    }

    /// <summary>Ports.</summary>
    public IReadOnlyList<PortView> Ports()
    {
        Region? region = supervisor.Region;
        return region == null ? [] : [.. Enumerable.Range(0, (int)region.Process.PortCount).Select(i => Port(region, i))];
    }

    /// <summary>Workers.</summary>
    public IReadOnlyList<WorkerView> Workers()
    {
        Region? region = supervisor.Region;
        return region == null ? [] : [.. Enumerable.Range(0, region.Layout.WorkerCount).Select(i => Worker(region, i))];
    }

    /// <summary>Next hops.</summary>
    public IReadOnlyList<NeighbourView> Neighbours()
    {
        DirectorState.Published current = state.Current;
        Region? region = supervisor.Region;
        if (region == null || current.Model == null)
        {
            return [];
        }

        ILookup<(int, IPAddress), string> users = current.Model.Services.SelectMany(s => s.Servers.Select(r => ((r.Interface, r.Address), $"{s.Key} {r.Id}")))
            .Concat(current.Model.SnatRules.SelectMany(r => r.Paths, (r, p) => ((p.Interface, p.Gateway), $"{ConnectionFilter.Snat}{r.Name}"))).ToLookup(p => p.Item1, p => p.Item2);
        return
        [
            .. compiler.NextHops.Used.Where(n => n.Key.Interface < current.Model.Interfaces.Count).Select(n => new NeighbourView
            {
                Address = n.Key.Address.ToString(), Interface = current.Model.Interfaces[n.Key.Interface].Name, State = StateName(region.Neighbours[n.Value]), Mac = MacName(region.Neighbours[n.Value]),
                UsedBy = [.. users[n.Key]],
            }),
        ];
    }

    /// <summary>Sums of all counters.</summary>
    public CountersView Counters()
    {
        Region? region = supervisor.Region;
        Dictionary<string, ulong> workers = [], drops = Enum.GetValues<DropReason>().Where(r => r != DropReason.None).ToDictionary(r => Camel(r.ToString()), _ => 0UL);
        Dictionary<string, ulong> slowPath = [];
        if (region != null)
        {
            for (int i = 0; i < region.Layout.WorkerCount; i++)
            {
                AddTo(workers, Fields(region.Worker(i).Counters));
                AddTo(drops, Drops(region.Worker(i).Drops));
            }

            AddTo(slowPath, Fields(region.Process.SlowPath));
            AddTo(drops, Drops(region.Process.Drops));
        }

        return new CountersView { Workers = workers, SlowPath = slowPath, Drops = drops };
    }

    /// <summary>Pools of source addresses.</summary>
    public IReadOnlyList<SourcePoolView> SourcePools()
    {
        Region? region = supervisor.Region;
        return [.. (state.Current.Model?.SourcePools ?? []).Select(pool =>
        {
            SourceCounters[] counted = [.. pool.Addresses.Select(a => CountersOf(region, a))];
            return new SourcePoolView
            {
                Name = pool.Name, Exhausted = counted.Aggregate(0UL, (sum, c) => sum + c.Exhausted),
                Addresses = [.. pool.Addresses.Select((a, i) => new SourceAddressView { Address = a.ToString(), PortsInUse = counted[i].PortsInUse, Ports = 2 * (ushort.MaxValue + 1 - Limits.SourcePortMin) })],
            };
        })];
    }

    /// <summary>Rules of SNAT, in their order.</summary>
    public IReadOnlyList<SnatRuleView> SnatRules()
    {
        DirectorModel? model = state.Current.Model;
        return model == null ? [] : [.. model.SnatRules.Select(r => SnatRule(model, r))];
    }

    /// <summary>One rule of SNAT.</summary>
    public SnatRuleView SnatRule(string name)
    {
        DirectorModel? model = state.Current.Model;
        return model?.SnatRules.FirstOrDefault(r => r.Name == name) is { } rule ? SnatRule(model, rule) : throw ApiException.NotFound($"There is no rule of SNAT {name}.");
    }

    private SnatRuleView SnatRule(DirectorModel model, SnatRuleModel rule)
    {
        Region? region = supervisor.Region;
        CounterBases.Totals sum = default;
        (double Connections, double Packets, double Bytes) rates = default;
        foreach (int slot in SlotsOf(rule))
        {
            CounterBases.Totals t = region == null ? default : counters.Read(region, slot, compiler.Servers.Incarnation(slot));
            (double connections, double packets, double bytes) = region == null ? default : counters.Rates(region, slot);
            sum = new CounterBases.Totals(sum.Connections + t.Connections, sum.Packets + t.Packets, sum.Bytes + t.Bytes, sum.Active + t.Active, sum.Inactive + t.Inactive);
            rates = (rates.Connections + connections, rates.Packets + packets, rates.Bytes + bytes);
        }

        return new SnatRuleView
        {
            Name = rule.Name, Sources = [.. rule.Sources.Select(s => s.ToString())], Destinations = rule.Destinations == null ? null : [.. rule.Destinations.Select(d => d.ToString())], SourcePool = rule.SourcePool,
            Interface = rule.Interface is { } inside ? model.Interfaces[inside].Name : null, Timeouts = rule.Timeouts, ActiveConnections = sum.Active, InactiveConnections = sum.Inactive,
            Gateways = [.. rule.Paths.Select(p => Gateway(region, model, p))],
            Traffic = new TrafficView
            {
                Connections = sum.Connections, Packets = sum.Packets, Bytes = sum.Bytes, ConnectionsPerSecond = rates.Connections, PacketsPerSecond = rates.Packets, BytesPerSecond = rates.Bytes,
            },
        };
    }

    private IEnumerable<int> SlotsOf(SnatRuleModel rule)
    {
        foreach (SnatPathModel path in rule.Paths)
        {
            if (compiler.Servers.TryFind(rule.ServerKeyOf(path.Gateway.AddressFamily), out int slot))
            {
                yield return slot;
            }
        }
    }

    private SnatGatewayView Gateway(Region? region, DirectorModel model, SnatPathModel path)
    {
        ulong word = region != null && compiler.NextHops.TryFind((path.Interface, path.Gateway), out int hop) ? region.Neighbours[hop] : 0;
        return new SnatGatewayView { Address = path.Gateway.ToString(), Interface = model.Interfaces[path.Interface].Name, Neighbour = StateName(word), Mac = MacName(word) };
    }

    private SourceCounters CountersOf(Region? region, IPAddress address)
    {
        SourceCounters sum = default;
        if (region != null && compiler.Sources.TryFind(address, out int slot))
        {
            for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
            {
                SourceCounters counted = region.SourceCounters(worker)[slot];
                (sum.PortsInUse, sum.Exhausted) = (sum.PortsInUse + counted.PortsInUse, sum.Exhausted + counted.Exhausted);
            }
        }

        return sum;
    }

    /// <summary>Starts the counters of a service's servers, or of all, from 0.</summary>
    public void Zero(string? id)
    {
        Region? region = supervisor.Region;
        if (region != null && id == null)
        {
            ZeroSnat(region);
        }

        foreach (ServiceModel service in (state.Current.Model?.Services ?? []).Where(s => id == null || s.Key.ToString() == id))
        {
            foreach (ServerModel server in service.Servers)
            {
                if (region != null && compiler.Servers.TryFind(server.KeyIn(service.Key), out int slot))
                {
                    counters.Rebase(region, slot);
                }
            }
        }
    }

    private void ZeroSnat(Region region)
    {
        foreach (int slot in (state.Current.Model?.SnatRules ?? []).SelectMany(SlotsOf))
        {
            counters.Rebase(region, slot);
        }
    }

    private ServiceView Service(ServiceModel service)
    {
        RealServerView[] servers = [.. service.Servers.Select(s => Server(service.Key, s))];
        (long connections, ulong refused) = Counted(service.Key);
        return new ServiceView
        {
            Id = service.Key.ToString(), Protocol = Protocols.NameOf(service.Key.Protocol), Address = service.Key.Address.ToString(), Port = service.Key.Port,
            Scheduler = service.Scheduler == Scheduler.Wlc ? "wlc" : "mh", MaglevTableSize = service.MaglevTableSize, ConnectionsMax = service.ConnectionsMax, OpenConnections = connections, Refused = refused, SourcePool = service.SourcePool, ClientAddress = ClientAddresses.NameOf(service.ClientAddress), Flows = service.Flows, Timeouts = service.Timeouts, Servers = servers,
            Traffic = new TrafficView
            {
                Connections = servers.Sum(s => s.Traffic.Connections), Packets = servers.Sum(s => s.Traffic.Packets), Bytes = servers.Sum(s => s.Traffic.Bytes),
                ConnectionsPerSecond = servers.Sum(s => s.Traffic.ConnectionsPerSecond), PacketsPerSecond = servers.Sum(s => s.Traffic.PacketsPerSecond), BytesPerSecond = servers.Sum(s => s.Traffic.BytesPerSecond),
            },
        };
    }

    private (long Connections, ulong Refused) Counted(ServiceKey service)
    {
        (long connections, ulong refused) = (0, 0);
        if (supervisor.Region is { } region && compiler.Services.TryFind(service, out int slot))
        {
            for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
            {
                ServiceCounters counted = region.ServiceCounters(worker)[slot];
                (connections, refused) = (connections + counted.Connections, refused + counted.Refused);
            }
        }

        return (connections, refused);
    }

    private RealServerView Server(ServiceKey service, ServerModel server)
    {
        Region? region = supervisor.Region;
        CounterBases.Totals totals = default;
        (double Connections, double Packets, double Bytes) rates = default;
        ulong word = 0;
        bool overloaded = false;
        if (region != null && compiler.Servers.TryFind(server.KeyIn(service), out int slot))
        {
            totals = counters.Read(region, slot, compiler.Servers.Incarnation(slot));
            rates = counters.Rates(region, slot);
            overloaded = server.UpperThreshold != 0 && OtherConnections.IsOverloaded(region.OtherConnections(0)[slot]);
            word = compiler.NextHops.TryFind((server.Interface, server.Address), out int hop) ? region.Neighbours[hop] : 0;
        }

        return new RealServerView
        {
            Id = server.Id, Address = server.Address.ToString(), Port = server.Port, Weight = server.Weight, UpperThreshold = server.UpperThreshold, LowerThreshold = server.LowerThreshold, Overloaded = overloaded, Method = server.MethodName, Tunnel = server.Tunnel?.Settings,
            ActiveConnections = totals.Active, InactiveConnections = totals.Inactive, Neighbour = StateName(word), Mac = MacName(word),
            Traffic = new TrafficView
            {
                Connections = totals.Connections, Packets = totals.Packets, Bytes = totals.Bytes,
                ConnectionsPerSecond = rates.Connections, PacketsPerSecond = rates.Packets, BytesPerSecond = rates.Bytes,
            },
        };
    }

    private DataplaneView Dataplane(Region? region)
    {
        if (region == null)
        {
            return new DataplaneView { State = "none" };
        }

        ref ProcessBlock p = ref region.Process;
        bool failed = p.State == ProcessState.Failed;
        return new DataplaneView
        {
            State = failed ? "failed" : supervisor.Pid == 0 ? "dead" : Camel(p.State.ToString()), Pid = supervisor.Pid,
            UptimeS = supervisor.Pid == 0 ? 0 : Math.Max(0, Environment.TickCount64 - (long)(p.StartedNs / 1_000_000)) / 1000.0,
            Error = failed ? TextBytes.Read(p.ErrorText) : null, DpdkVersion = TextBytes.Read(p.DpdkVersion), Sealed = p.Sealed != 0,
            AllocatedBytesSinceSeal = p.AllocatedBytesSinceSeal, CollectionsSinceSeal = p.CollectionsSinceSeal, Hugepages = p.Hugepages != 0,
            MbufCount = p.MbufCount, MbufAvailable = p.MbufAvailable, Restarts = supervisor.Restarts,
        };
    }

    private static WorkerView Worker(Region region, int index)
    {
        ref WorkerBlock w = ref region.Worker(index);
        return new WorkerView
        {
            Index = index, Cpu = (int)w.Cpu, Running = w.Running != 0, Generation = w.SeenGeneration, Heartbeat = w.Heartbeat, Flows = (long)(w.Flows4 + w.Flows6),
            FlowCapacity = (long)(w.Flows4Capacity + w.Flows6Capacity), AllocatedBytes = w.AllocatedBytesSinceSeal, Counters = Fields(w.Counters),
            Drops = Drops(w.Drops).Where(d => d.Value != 0).ToDictionary(),
        };
    }

    private static PortView Port(Region region, int index)
    {
        ref PortBlock p = ref region.Port(index);
        Dictionary<string, ulong> xstats = [];
        for (int i = 0; i < (int)p.XstatCount; i++)
        {
            xstats[TextBytes.Read(p.Xstats[i].Name)] = p.Xstats[i].Value;
        }

        string exception = TextBytes.Read(p.Exception);
        return new PortView
        {
            Index = index, Name = TextBytes.Read(p.Name), Device = TextBytes.Read(p.Device), Driver = TextBytes.Read(p.Driver), Mac = MacText(p.Mac), Exception = exception.Length > 0 ? exception : null,
            LinkUp = p.LinkUp != 0, SpeedMbps = (int)p.SpeedMbps, MtuBytes = (int)p.MtuBytes, Promiscuous = p.Promiscuous != 0, RxQueues = (int)p.RxQueues, TxQueues = (int)p.TxQueues, RssClasses = (int)p.RssClasses, NumaNode = p.NumaNode,
            RxOffloads = (p.RxOffloads & 2) != 0 ? ["ipv4Checksum"] : [], // RTE_ETH_RX_OFFLOAD_IPV4_CKSUM
            Statistics = new Dictionary<string, ulong>
            {
                ["rxPackets"] = p.RxPackets, ["txPackets"] = p.TxPackets, ["rxBytes"] = p.RxBytes, ["txBytes"] = p.TxBytes,
                ["rxMissed"] = p.RxMissed, ["rxErrors"] = p.RxErrors, ["txErrors"] = p.TxErrors, ["rxNoMbuf"] = p.RxNoMbuf,
            },
            ExtendedStatistics = xstats, Filters = Filters(ref p),
        };
    }

    private static PortFiltersView Filters(ref PortBlock p)
    {
        List<string> multicast = [];
        for (int i = 0; i < Math.Min((int)p.MulticastCount, Limits.PortMulticastMax); i++)
        {
            multicast.Add(MacText(p.Multicast[i]));
        }

        List<VirtualMacView> virtualMacs = [];
        for (int i = 0; i < Math.Min((int)p.VirtualMacCount, Limits.PortVirtualMacsMax); i++)
        {
            virtualMacs.Add(new VirtualMacView { Mac = MacText(p.VirtualMacs[i]), By = Camel(((PortFilterMode)(p.VirtualMacs[i] >> 48)).ToString()) });
        }

        return new PortFiltersView { Multicast = Camel(p.MulticastMode.ToString()), MulticastMacs = multicast, VirtualMacs = virtualMacs };
    }

    private static Dictionary<string, ulong> Fields<T>(T counters)
        where T : struct
    {
        // Every field is a ulong, in the order of its declaration.
        FieldInfo[] fields = typeof(T).GetFields(BindingFlags.Public | BindingFlags.Instance);
        ReadOnlySpan<ulong> values = MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<T, ulong>(ref counters), Unsafe.SizeOf<T>() / sizeof(ulong));
        Dictionary<string, ulong> result = [];
        for (int i = 0; i < fields.Length; i++)
        {
            result.Add(Camel(fields[i].Name), values[i]);
        }

        return result;
    }

    private static Dictionary<string, ulong> Drops(DropCounters drops)
    {
        Dictionary<string, ulong> result = [];
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            if (reason != DropReason.None)
            {
                result.Add(Camel(reason.ToString()), drops[(int)reason]);
            }
        }

        return result;
    }

    private static void AddTo(Dictionary<string, ulong> sums, Dictionary<string, ulong> values)
    {
        foreach ((string name, ulong value) in values)
        {
            sums[name] = sums.GetValueOrDefault(name) + value;
        }
    }

    private static string StateName(ulong word) => Camel(NeighbourWord.State(word).ToString());

    private static string? MacName(ulong word) => NeighbourWord.Mac(word) == 0 ? null : MacText(NeighbourWord.Mac(word));

    private static string MacText(ulong mac) => string.Join(':', Enumerable.Range(0, 6).Select(i => ((mac >> (8 * i)) & 0xFF).ToString("x2", CultureInfo.InvariantCulture)));

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
