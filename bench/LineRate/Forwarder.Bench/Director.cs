using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>
/// Plays control for the dataplane: makes its region, publishes one virtual service with 16 real servers in it, and writes
/// its configuration. The generator answers the dataplane's ARP requests for the servers.
/// </summary>
public static class Director
{
    private const int Servers = 16;
    private const long SnapshotSlotBytes = 16 << 20;

    /// <summary>Makes everything and returns the configuration's path.</summary>
    public static string Prepare(Machine machine, BenchCase @case, bool tcp, string folder)
    {
        DataplaneConfig config = new()
        {
            RegionPath = Path.Combine(folder, "region"),
            FilePrefix = "forwarder-bench",
            Ports = [new PortConfig { Name = "bench", Device = "net_null0,size=60", Promiscuous = true }],
            WorkerCpus = [machine.WorkerCpu],
            HousekeepingCpu = machine.HousekeepingCpu,
            Hugepages = machine.Hugepages ? "required" : "never",
            MemoryMiB = @case.MemoryMiB,
            Mbufs = MeasuredProgram.Mbufs,
            FlowsPerWorker = @case.TableFlows,
            Idle = "spin",
        };
        Region.Create(config.RegionPath, new RegionLayout(1, SnapshotSlotBytes));
        using Region region = Region.Open(config.RegionPath);
        if (!new SnapshotPublisher(region).TryPublish(Content(tcp ? (byte)6 : (byte)17), out _))
        {
            throw new BenchException("The new region has no free snapshot slot.");
        }

        string path = Path.Combine(folder, "dataplane.json");
        File.WriteAllText(path, JsonSerializer.Serialize(config, DataplaneConfigJson.Default.DataplaneConfig));
        return path;
    }

    /// <summary>VIP 198.18.0.1:80, servers 198.18.1.1 to .16 of weight 1, Maglev of 65,537 entries: as the reference has it.</summary>
    private static SnapshotContent Content(byte protocol)
    {
        SnapshotContent content = new();
        uint vip = Address("198.18.0.1"), own = Address("198.18.0.2");
        ushort port = BinaryPrimitives.ReverseEndianness((ushort)80);
        content.Interfaces.Add(new InterfaceEntry { Valid = 1, MtuBytes = 1500, Address4 = own });
        content.LocalAddresses4.Add(new LocalAddress4Entry { Address = own, Kind = LocalAddressKind.Own });
        content.LocalAddresses4.Add(new LocalAddress4Entry { Address = vip, Kind = LocalAddressKind.Vip, Interface = LocalAddress4Entry.AnyInterface });
        content.ServiceKeys4.Add(new ServiceKey4Entry { Value = ServiceKey4Entry.Key(vip, port, protocol), Service = 1 });
        content.Services.Add(new ServiceEntry
        {
            Valid = 1, Scheduler = Scheduler.Maglev, Protocol = protocol, IpVersion = 4, Port = port, VipHigh = vip,
            MembersCount = Servers, HashSalt = (uint)Hashes.Mix64(vip ^ (ulong)port ^ protocol),
        });
        MaglevMember[] members = new MaglevMember[Servers];
        for (int i = 0; i < Servers; i++)
        {
            uint server = Address($"198.18.1.{i + 1}");
            members[i] = new MaglevMember(Hashes.Mix64(server), 1);
            content.Members.Add((uint)i + 1);
            content.NextHops.Add(new NextHopEntry { High = server, IpVersion = 4 });
            content.Servers.Add(new ServerEntry { NextHop = (uint)i + 1, Service = 1, Valid = 1, Incarnation = 1, Weight = 1, MtuBytes = 1500 });
        }

        content.MaglevTables.Add(1, MaglevTable.Build(members, Limits.MaglevTableSizeDefault));
        return content;
    }

    private static uint Address(string text) => MemoryMarshal.Read<uint>(IPAddress.Parse(text).GetAddressBytes());
}
