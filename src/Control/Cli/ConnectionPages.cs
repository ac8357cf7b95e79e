using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>All pages of the director's flows, asked for as they are needed.</summary>
public static class ConnectionPages
{
    /// <summary>A query's parameters: those that have a value.</summary>
    public static string Query(params IEnumerable<(string Name, string? Value)> filters) =>
        string.Join('&', filters.Where(f => f.Value != null).Select(f => $"{f.Name}={Uri.EscapeDataString(f.Value!)}"));

    /// <summary>The flows that fit, page after page; the first page at once, so that what is refused is refused before anything is printed.</summary>
    public static IEnumerable<ConnectionView> All(ApiClient api, string query) => From(api, query, Page(api, "0", query));

    private static IEnumerable<ConnectionView> From(ApiClient api, string query, ConnectionList? page)
    {
        for (; page != null; page = page.Next == null ? null : Page(api, page.Next, query))
        {
            foreach (ConnectionView connection in page.Connections)
            {
                yield return connection;
            }
        }
    }

    private static ConnectionList Page(ApiClient api, string cursor, string query) =>
        api.Get($"v1/connections?cursor={cursor}{(query.Length == 0 ? "" : "&")}{query}", ApiJson.Default.ConnectionList);
}
