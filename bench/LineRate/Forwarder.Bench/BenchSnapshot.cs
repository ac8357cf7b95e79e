using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>
/// The dataplane's snapshot: one virtual service with 16 real servers of weight 1, Maglev of 65,537 entries. Addresses are those of
/// plan.h, as the reference has them: an IPv6 address is the prefix of its subnet and then the IPv4 address.
/// </summary>
internal static class BenchSnapshot
{
    private const int Servers = 16;
    private const ushort VipPort = 80, ServerPort = 8080, GuePort = 6080;
    private const string Vip = "198.18.0.1", Own = "198.18.0.2", FirstServer = "198.18.1.1", FirstSource = "198.18.2.0";
    private const ushort MtuBytes = 1500;

    private enum Subnet
    {
        Vip = 1,
        Servers,
        Sources,
    }

    /// <summary>Makes it for a case.</summary>
    public static SnapshotContent Make(BenchCase @case, byte protocol)
    {
        SnapshotContent content = new();
        byte version = @case.Method.IpVersion;
        (ulong vipHigh, ulong vipLow) = Address(version, Vip, 0, Subnet.Vip);
        content.Interfaces.Add(new InterfaceEntry { Valid = 1, MtuBytes = MtuBytes, Address4 = Word(Own, 0) });
        AddLocal(content, 4, (Word(Own, 0), 0), LocalAddressKind.Own);
        AddLocal(content, 6, Address(6, Own, 0, Subnet.Vip), LocalAddressKind.Own);
        AddLocal(content, version, (vipHigh, vipLow), LocalAddressKind.Vip);
        ServiceEntry service = new()
        {
            Valid = 1, Scheduler = Scheduler.Maglev, Protocol = protocol, IpVersion = version, Port = Swap(VipPort), VipHigh = vipHigh, VipLow = vipLow,
            MembersCount = Servers, HashSalt = (uint)Hashes.Mix64(Word(Vip, 0) ^ (ulong)Swap(VipPort) ^ protocol), TwoWay = @case.Method.IsTwoWay ? (byte)1 : (byte)0,
            PoolCount = (uint)@case.Sources,
        };
        content.Services.Add(service);
        if (version == 4)
        {
            content.ServiceKeys4.Add(new ServiceKey4Entry { Value = ServiceKey4Entry.Key((uint)vipHigh, service.Port, protocol), Service = 1 });
        }
        else
        {
            content.ServiceKeys6.Add(new ServiceKey6Entry { High = vipHigh, Low = vipLow, Rest = ServiceKey6Entry.PortAndProtocol(service.Port, protocol), Service = 1 });
        }

        AddServers(content, @case.Method, service);
        AddSources(content, @case, version);
        return content;
    }

    private static void AddServers(SnapshotContent content, BenchMethod method, in ServiceEntry service)
    {
        MaglevMember[] members = new MaglevMember[Servers];
        // What servers are reached by: a tunnel's outer addresses are IPv4.
        byte version = method.Forwarding == ForwardingMethod.Tunnel ? (byte)4 : method.IpVersion;
        for (uint n = 1; n <= Servers; n++)
        {
            (ulong high, ulong low) = Address(version, FirstServer, n - 1, Subnet.Servers);
            members[n - 1] = new MaglevMember(Hashes.Mix64(Word(FirstServer, n - 1)), 1);
            content.Members.Add(n);
            content.NextHops.Add(new NextHopEntry { High = high, Low = low, IpVersion = version });
            content.Servers.Add(new ServerEntry
            {
                NextHop = n, Service = 1, Valid = ServerEntry.InUse, Incarnation = 1, Weight = 1, Method = method.Forwarding,
                MtuBytes = (ushort)(method.Forwarding == ForwardingMethod.Tunnel ? MtuBytes - TargetEntry.OuterBytes(4, method.Encapsulation, checksum: false) : MtuBytes),
                Target = method.Forwarding == ForwardingMethod.DirectRouting ? 0 : n, StateTable = ServerEntry.StateTableOf(method.Forwarding, service.Protocol),
            });
            AddTarget(content, method, service, n, version, high, low);
        }

        content.MaglevTables.Add(1, MaglevTable.Build(members, Limits.MaglevTableSizeDefault));
    }

    private static void AddTarget(SnapshotContent content, BenchMethod method, in ServiceEntry service, uint server, byte version, ulong high, ulong low)
    {
        if (method.Forwarding == ForwardingMethod.Tunnel)
        {
            ushort port = method.Encapsulation == Encapsulation.Gue ? Swap(GuePort) : (ushort)0;
            content.Targets.Add(TargetEntry.Tunnel(version, high, low, Word(Own, 0), 0, method.Encapsulation, port));
            return;
        }

        if (!method.IsTwoWay)
        {
            return;
        }

        content.Targets.Add(TargetEntry.Nat(service, version, high, low, Swap(ServerPort)));
        if (method.Forwarding == ForwardingMethod.FullNat)
        {
            return; // answers come to the source addresses
        }

        if (version == 4)
        {
            content.ServerKeys4.Add(new ServerKey4Entry { Value = ServiceKey4Entry.Key((uint)high, Swap(ServerPort), service.Protocol), Server = server });
        }
        else
        {
            content.ServerKeys6.Add(new ServerKey6Entry { High = high, Low = low, Rest = ServiceKey6Entry.PortAndProtocol(Swap(ServerPort), service.Protocol), Server = server });
        }
    }

    private static void AddSources(SnapshotContent content, BenchCase @case, byte version)
    {
        for (ushort n = 1; n <= @case.Sources; n++)
        {
            (ulong high, ulong low) = Address(version, FirstSource, n - 1u, Subnet.Sources);
            content.Sources.Add(new SourceEntry { High = high, Low = low, IpVersion = version, Valid = 1, Incarnation = 1 });
            content.PoolMembers.Add(n);
            AddLocal(content, version, (high, low), LocalAddressKind.Source, n);
        }
    }

    private static void AddLocal(SnapshotContent content, byte version, (ulong High, ulong Low) address, LocalAddressKind kind, ushort source = 0)
    {
        ushort to = kind == LocalAddressKind.Own ? (ushort)0 : LocalAddress4Entry.AnyInterface;
        if (version == 4)
        {
            content.LocalAddresses4.Add(new LocalAddress4Entry { Address = (uint)address.High, Kind = kind, Interface = to, Source = source });
        }
        else
        {
            content.LocalAddresses6.Add(new LocalAddress6Entry { High = address.High, Low = address.Low, Kind = kind, Interface = to, Source = source });
        }
    }

    private static (ulong High, ulong Low) Address(byte version, string first, uint n, Subnet subnet) =>
        version == 4 ? (Word(first, n), 0) : (0x0000_0000_B80D_0120UL | ((ulong)subnet << 56), (ulong)Word(first, n) << 32);

    /// <summary>An IPv4 address as it lies in memory, so many after another one.</summary>
    private static uint Word(string first, uint n) =>
        BinaryPrimitives.ReverseEndianness(BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(first).GetAddressBytes()) + n);

    private static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
