# Makes the directories that are missing, readable for every user: CMake gives installed files their modes, but leaves the directories that
# it makes to the umask of the installing shell. Existing directories keep their modes.
foreach(directory IN LISTS CFPIPE_INSTALL_DIRECTORIES)
  if(NOT IS_ABSOLUTE "${directory}")
    set(directory "${CMAKE_INSTALL_PREFIX}/${directory}")
  endif()
  string(REGEX MATCHALL "[^/]+" names "${directory}")
  set(path "$ENV{DESTDIR}")
  foreach(name IN LISTS names)
    string(APPEND path "/${name}")
    if(NOT EXISTS "${path}")
      file(MAKE_DIRECTORY "${path}")
      file(CHMOD "${path}" PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    endif()
  endforeach()
endforeach()
