namespace Forwarder.Abi;

/// <summary>Why a snapshot was refused. Values are part of the region's layout: append only.</summary>
public enum SnapshotFault : uint
{
    /// <summary>Nothing wrong.</summary>
    None = 0,
    /// <summary>Does not start with the snapshot's magic number.</summary>
    Magic = 1,
    /// <summary>Written for another version of the layout.</summary>
    Version = 2,
    /// <summary>Header, total or section sizes do not fit each other or the slot.</summary>
    Size = 3,
    /// <summary>The checksum does not match the content.</summary>
    Checksum = 4,
    /// <summary>Generation differs from the published one.</summary>
    Generation = 5,
    /// <summary>A hash table's size is not a power of two, or it has no empty entry.</summary>
    HashTable = 6,
    /// <summary>An interface names a port that cannot exist.</summary>
    Interface = 7,
    /// <summary>A key names a service that does not exist.</summary>
    ServiceKey = 8,
    /// <summary>A service's members or Maglev table lie outside their sections.</summary>
    Service = 9,
    /// <summary>A member is not a server, or a server of another service.</summary>
    Member = 10,
    /// <summary>A server's next hop, service or port does not exist.</summary>
    Server = 11,
    /// <summary>A next hop's interface does not exist.</summary>
    NextHop = 12,
    /// <summary>A Maglev entry is not an index into the service's members.</summary>
    Maglev = 13,
    /// <summary>A server's target is not for its method or family.</summary>
    Target = 14,
    /// <summary>A key of a server behind NAT names a server that is not.</summary>
    ServerKey = 15,
    /// <summary>A VRRP group is not below the header's number, or that is too large.</summary>
    VrrpGroup = 16,
    /// <summary>A source address, or the pool of a service, is not there or of the wrong family.</summary>
    Source = 17,
    /// <summary>A virtual MAC address is none of a virtual router, or its port or group does not exist.</summary>
    VirtualMac = 18,
    /// <summary>A set of time-outs is out of range, or that of a service or server is not there.</summary>
    Timeouts = 19,
    /// <summary>A field of the header that says yes or no is neither 1 nor 0.</summary>
    Header = 20,
    /// <summary>A rule of SNAT names an interface or a server that is not there, or a server of SNAT not its rule.</summary>
    SnatRule = 21,
    /// <summary>Ranges of addresses of SNAT are not in order, or name a set or rule that is not there.</summary>
    SnatRange = 22,
}
