#pragma once
// Stands in for ankerl::unordered_dense, which Debian does not carry: the standard containers have the parts of its interface that
// mediasoup uses. The difference is cost (a node per entry instead of one array), never behaviour: mediasoup relies on no order.

#include <unordered_map>
#include <unordered_set>

namespace ankerl::unordered_dense
{
	template<class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
	using map = std::unordered_map<Key, Value, Hash, Equal>;

	template<class Key, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
	using set = std::unordered_set<Key, Hash, Equal>;

	template<class T>
	using hash = std::hash<T>;
} // namespace ankerl::unordered_dense
