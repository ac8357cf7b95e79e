namespace Forwarder.Bench;

/// <summary>A part of a run.</summary>
/// <param name="Cycles">TSC cycles per packet in all.</param>
/// <param name="OwnCycles">Those of them in the generator's callbacks.</param>
/// <param name="CpuShare">CPU time of the thread / wall time.</param>
public readonly record struct Slice(double Cycles, double OwnCycles, double CpuShare);
