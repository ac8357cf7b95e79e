namespace Forwarder.Abi;

/// <summary>A member of a Maglev table.</summary>
/// <param name="Identity">Hash of what names the server (its RIP), so that every director builds the same table.</param>
/// <param name="Weight">Turns per round; 0 takes part with no entry.</param>
public readonly record struct MaglevMember(ulong Identity, uint Weight);
