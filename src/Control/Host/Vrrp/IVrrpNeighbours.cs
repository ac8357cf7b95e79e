namespace Forwarder.Control;

/// <summary>MAC addresses of unicast peers. Called on the loop's thread for each advertisement; must not block.</summary>
public interface IVrrpNeighbours
{
    /// <summary>MAC address of a next hop, first byte lowest; 0 = not known.</summary>
    ulong MacOf(int nextHop);
}
