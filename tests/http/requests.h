#pragma once
// Feeds bytes to a RequestParser as a server would, and writes down what comes out, one line an event.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"

namespace sparc::http {

using Events = std::vector<std::string>;

/// `METHOD target body`, with `+close`, `+upgrade:rest`, and headers by `describe`; `continue?` for an expectation; `refused
/// status detail`; `within` where a request is unfinished at the end.
inline Events parse_pieces(const RequestLimits& limits, const std::vector<std::string_view>& pieces) {
  RequestParser parser(limits);
  Events events;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    // From memory of its own, so that reading outside it is seen by the sanitizer.
    const std::vector<char> input(pieces[i].begin(), pieces[i].end());
    std::string_view rest(input.data(), input.size());
    while (true) {
      const RequestParser::Fed fed = parser.feed(rest);
      rest.remove_prefix(fed.consumed);
      if (fed.status == RequestParser::Status::more) {
        EXPECT_TRUE(rest.empty());
        break;
      }
      const Request& request = parser.request();
      if (fed.status == RequestParser::Status::refused) {
        events.push_back("refused " + std::to_string(parser.refusal().status) + " " + std::string(parser.refusal().detail));
        return events;
      }
      if (fed.status == RequestParser::Status::expect_continue) {
        events.push_back("continue?");
        continue;
      }
      std::string event = std::string(request.method) + " " + std::string(request.target) + " " + std::string(request.body);
      if (!request.keep_alive) event += "+close";
      if (fed.status == RequestParser::Status::upgrade) {
        event += "+upgrade:" + std::string(rest);
        for (std::size_t k = i + 1; k < pieces.size(); ++k) event += pieces[k];
        events.push_back(event);
        return events;
      }
      events.push_back(event);
    }
  }
  if (parser.within_request()) events.push_back("within");
  return events;
}

/// The events of `input`; fails where any cut into two pieces, or bytes one by one, would give others.
inline Events parse(const std::string& input, const RequestLimits& limits = {}) {
  const std::string_view all = input;
  const Events whole = parse_pieces(limits, {all});
  if (all.size() > 5'000) return whole;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const Events parts = parse_pieces(limits, {all.substr(0, cut), all.substr(cut)});
    EXPECT_EQ(parts, whole) << "cut at " << cut;
    if (parts != whole) break;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
  EXPECT_EQ(parse_pieces(limits, bytes), whole) << "byte by byte";
  return whole;
}

}  // namespace sparc::http
