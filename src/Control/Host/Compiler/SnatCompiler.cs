using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>
/// Puts rules of SNAT into a snapshot: for each family of a rule an entry with its prefixes, and a service and a server that carry its
/// pool, time-outs, next hop, counts and flows. They have slots like others, so that flows survive what does not touch their rule.
/// </summary>
internal sealed class SnatCompiler(SlotAllocator<ServiceKey> services, SlotAllocator<ServerKey> servers, NextHopTable nextHops)
{
    private static readonly IPNetwork s_all4 = new(IPAddress.Any, 0), s_all6 = new(IPAddress.IPv6Any, 0);

    private HashSet<ServerKey>? _used;

    /// <summary>Adds all rules of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="content">Where pools are already.</param>
    /// <param name="poolOf">Where the addresses of a pool and family are.</param>
    /// <param name="rulesOf">Number of the set of a rule's time-outs, and its flags.</param>
    public void AddTo(DirectorModel model, SnapshotContent content, Func<string, byte, (uint First, uint Count)> poolOf, Func<SnatRuleModel, (byte Timeouts, ServiceFlags Flags)> rulesOf)
    {
        foreach (SnatRuleModel rule in model.SnatRules)
        {
            foreach (SnatPathModel path in rule.Paths)
            {
                Add(model, rule, path, poolOf(rule.SourcePool, Family(path)), rulesOf(rule), content);
            }
        }
    }

    private static byte Family(SnatPathModel path) => path.Gateway.AddressFamily == AddressFamily.InterNetwork ? (byte)4 : (byte)6;

    /// <summary>Frees the slots of rules that are not in the model any more. To be called before others take theirs, who may need them.</summary>
    public void Free(DirectorModel model)
    {
        HashSet<ServerKey> wanted = [.. model.SnatRules.SelectMany(r => r.Paths, (r, p) => r.ServerKeyOf(p.Gateway.AddressFamily))];
        _used ??= [.. servers.Used.Select(u => u.Key).Where(k => k.Service.Protocol == 0)]; // a control before this one has given them
        foreach (ServerKey gone in _used.Where(k => !wanted.Contains(k)))
        {
            servers.Free(gone);
            services.Free(gone.Service);
        }

        _used = wanted;
    }

    private void Add(DirectorModel model, SnatRuleModel rule, SnatPathModel path, (uint First, uint Count) pool, (byte Timeouts, ServiceFlags Flags) rules, SnapshotContent content)
    {
        AddressFamily family = path.Gateway.AddressFamily;
        ServiceKey key = rule.KeyOf(family);
        int service = services.Take(key), server = servers.Take(rule.ServerKeyOf(family));
        InterfaceModel by = model.Interfaces[path.Interface];
        (ulong high, ulong low) = SnapshotCompiler.Words(key.Address);
        content.Services.Put(service, new ServiceEntry
        {
            Valid = 1, IpVersion = Family(path), TwoWay = 1, VipHigh = high, VipLow = low, PoolFirst = pool.First, PoolCount = pool.Count, Timeouts = rules.Timeouts, Flags = rules.Flags,
        });
        content.Servers.Put(server, new ServerEntry
        {
            NextHop = (uint)nextHops.SlotOf(path.Interface, path.Gateway), Service = (ushort)service, Vlan = by.Vlan, Valid = ServerEntry.InUse, Incarnation = servers.Incarnation(server), Port = (byte)by.Port,
            Method = ForwardingMethod.SourceNat, Weight = 1, MtuBytes = (ushort)by.MtuBytes, StateTable = ServerEntry.StateTableClient, Timeouts = rules.Timeouts,
            Target = (uint)content.Targets.Count, SnatRule = (ushort)content.SnatRules.Count,
        });
        content.Targets.Add(new TargetEntry { IpVersion = Family(path) }); // a server's target says of which family it is
        (uint sources, uint sourcesCount) = AddPrefixes(rule.Sources, family, content);
        (uint destinations, uint destinationsCount) = AddPrefixes(rule.Destinations ?? [family == AddressFamily.InterNetwork ? s_all4 : s_all6], family, content);
        (uint except, uint exceptCount) = AddPrefixes(path.Except, family, content);
        content.SnatRules.Add(new SnatRuleEntry
        {
            SourcesFirst = sources, SourcesCount = sourcesCount, DestinationsFirst = destinations, DestinationsCount = destinationsCount, ExceptFirst = except, ExceptCount = exceptCount,
            Server = (uint)server, Interface = (ushort?)rule.Interface ?? SnatRuleEntry.AnyInterface, IpVersion = Family(path),
        });
    }

    private static (uint First, uint Count) AddPrefixes(IReadOnlyList<IPNetwork> prefixes, AddressFamily family, SnapshotContent content)
    {
        uint first = (uint)content.SnatPrefixes.Count;
        foreach (IPNetwork prefix in prefixes.Where(p => p.BaseAddress.AddressFamily == family))
        {
            (ulong high, ulong low) = SnapshotCompiler.Words(prefix.BaseAddress);
            (ulong maskHigh, ulong maskLow) = Mask(prefix.PrefixLength);
            content.SnatPrefixes.Add(new SnatPrefixEntry { High = high, Low = low, MaskHigh = maskHigh, MaskLow = maskLow });
        }

        return (first, (uint)content.SnatPrefixes.Count - first);
    }

    private static (ulong High, ulong Low) Mask(int length)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        for (int bit = 0; bit < length; bit++)
        {
            bytes[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return (MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<ulong>(bytes[8..]));
    }
}
