using System.Net;

namespace Forwarder.Control;

/// <summary>The way out of a rule of SNAT for one family.</summary>
/// <param name="Gateway">Next hop.</param>
/// <param name="Interface">Index of the interface that it is reached by.</param>
/// <param name="Except">Networks that are reached by other interfaces.</param>
public sealed record SnatPathModel(IPAddress Gateway, int Interface, IReadOnlyList<IPNetwork> Except);
