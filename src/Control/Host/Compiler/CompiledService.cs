using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>A virtual service as it goes into snapshots, all but the places of its members and its Maglev table in them. Stays the same as long as its model does.</summary>
/// <param name="Slot">Slot of the service.</param>
/// <param name="Entry">Its entry.</param>
/// <param name="ServerSlots">Slots of its real servers, in its order.</param>
/// <param name="Servers">Their entries.</param>
/// <param name="Targets">Where those go that are not reached by direct routing, in the same order.</param>
/// <param name="Table">Its Maglev table.</param>
public sealed record CompiledService(int Slot, ServiceEntry Entry, uint[] ServerSlots, ServerEntry[] Servers, TargetEntry[] Targets, SharedTable Table);
